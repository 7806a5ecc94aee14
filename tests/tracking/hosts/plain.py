"""A plain Django site: SQLite and the default user model."""

from tests.tracking.hosts.any_site import *  # noqa: F403
