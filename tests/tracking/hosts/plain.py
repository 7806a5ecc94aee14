"""Django as it comes: SQLite, the default user."""

from tests.tracking.hosts.base import *  # noqa: F403
