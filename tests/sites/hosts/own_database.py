"""A plain site with a database in a file."""

import os

from tests.tracking.hosts.plain import *  # noqa: F403
from tests.tracking.hosts.plain import TRACKING

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("HOST_DATABASE", "")}}
TRACKING = TRACKING | {"TABLE_PREFIX": os.environ.get("HOST_PREFIX", "")}
