"""A third-party site whose users have other keys, and neither a name nor a date on which they joined."""

from tests.analytics.host.settings import *  # noqa: F403
from tests.analytics.host.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.tracking.hosts.people"]
AUTH_USER_MODEL = "people.Person"
