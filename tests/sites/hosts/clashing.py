"""A site that has an app labelled `analytics` and a table of our name, and does nothing about it."""

import os

from tests.analytics.host.settings import *  # noqa: F403
from tests.analytics.host.settings import INSTALLED_APPS as APPS

THEIRS = "tests.sites.hosts.renamed_theirs.apps.TheirConfig"
INSTALLED_APPS = [THEIRS, *APPS] if os.environ.get("THEIRS_FIRST") else [*APPS, THEIRS]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("HOST_DATABASE", ":memory:")}
}
TRACKING = {"TABLE_PREFIX": os.environ.get("HOST_PREFIX", "")}
