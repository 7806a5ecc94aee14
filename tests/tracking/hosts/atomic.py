"""A site on PostgreSQL with ATOMIC_REQUESTS and its own user model: e-mail addresses, UUID keys."""

import os

import environ

from tests.tracking.hosts.any_site import *  # noqa: F403
from tests.tracking.hosts.any_site import INSTALLED_APPS

INSTALLED_APPS = ["tests.tracking.hosts.people", *INSTALLED_APPS, "tests.quick_flush"]
AUTH_USER_MODEL = "people.Person"
DATABASES = {
    "default": environ.Env.db_url_config(os.environ["DATABASE_URL"])
    | {"ATOMIC_REQUESTS": True, "TEST": {"NAME": "test_atomic_host"}}
}
