"""A site with a database in a file."""

import os

from tests.tracking.hosts.plain import *  # noqa: F403
from tests.tracking.hosts.plain import INSTALLED_APPS

DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("HOST_DATABASE", ":memory:")}
}
if "tracking" in INSTALLED_APPS:
    INSTALLED_APPS = [*INSTALLED_APPS, "analytics"]
    TRACKING = {"TABLE_PREFIX": os.environ.get("HOST_PREFIX", "")}
