"""The host on PostgreSQL with psycopg 2, which Django takes where psycopg 3 is missing."""

import sys

sys.modules["psycopg"] = None  # type: ignore[assignment]

from tests.tracking.hosts.atomic import *  # noqa: E402, F403
from tests.tracking.hosts.atomic import DATABASES as _DATABASES  # noqa: E402
from tests.tracking.hosts.atomic import INSTALLED_APPS as _APPS  # noqa: E402

INSTALLED_APPS = [app for app in _APPS if app != "tests.quick_flush"]  # it needs psycopg 3
DATABASES = {"default": _DATABASES["default"] | {"TEST": {"NAME": "test_psycopg_2_host"}}}
