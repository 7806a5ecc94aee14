"""Django as it comes: SQLite, the default user."""

from tests.tracking.hosts.any_site import *  # noqa: F403
