"""A third-party site: SQLite, without Redis, importer or cortex, wired by the documented lines."""

from tests.tracking.hosts.any_site import *  # noqa: F403
from tests.tracking.hosts.any_site import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django.contrib.staticfiles", "analytics"]
ROOT_URLCONF = "tests.analytics.host.urls"
TIME_ZONE = "America/St_Johns"
