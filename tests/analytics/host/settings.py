"""A site of other people's: SQLite, no Redis, no importer, nothing of cortex; the documented lines of analytics."""

from tests.tracking.hosts.any_site import *  # noqa: F403
from tests.tracking.hosts.any_site import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django.contrib.staticfiles", "analytics"]
ROOT_URLCONF = "tests.analytics.host.urls"
TIME_ZONE = "America/St_Johns"
