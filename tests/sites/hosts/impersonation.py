"""A site whose administrators act as users: django-hijack, django-loginas, and a view of its own."""

from tests.tracking.hosts.plain import *  # noqa: F403
from tests.tracking.hosts.plain import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "hijack", "loginas"]
MIDDLEWARE = [*MIDDLEWARE, "hijack.middleware.HijackUserMiddleware"]
ROOT_URLCONF = "tests.sites.hosts.impersonation_urls"
