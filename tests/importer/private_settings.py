"""Adds importer settings from the environment to the tests' settings, for commands in processes."""

import json
import os

from tests.settings import *  # noqa: F403

IMPORTER = json.loads(os.environ["TEST_IMPORTER"])
DATABASES["legacy"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["TEST_LEGACY"]}  # noqa: F405
# A test has a choice that is too long for its field, on purpose; and Django 6 looks at the models for SQLite, which has
# the legacy tables alone.
SILENCED_SYSTEM_CHECKS = ["fields.E009", "models.W047"]
