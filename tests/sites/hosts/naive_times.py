"""A site without USE_TZ, far from UTC, in German: the database has naive local times."""

from tests.analytics.host.settings import *  # noqa: F403
from tests.analytics.host.settings import INSTALLED_APPS, MIDDLEWARE

USE_TZ = False
TIME_ZONE = "Pacific/Kiritimati"  # UTC+14: nearly always another day
LANGUAGE_CODE = "de"
INSTALLED_APPS = [*INSTALLED_APPS]
MIDDLEWARE = [*MIDDLEWARE]
ROOT_URLCONF = "tests.sites.hosts.naive_times_urls"
