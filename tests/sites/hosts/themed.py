"""The dashboard's host in a theme of the admin: the environment variable HOST_THEME names its app."""

import os

from tests.analytics.host.settings import *  # noqa: F403
from tests.analytics.host.settings import INSTALLED_APPS as APPS

THEME = os.environ["HOST_THEME"]
INSTALLED_APPS = [THEME, *APPS]
ROOT_URLCONF = "tests.sites.hosts.themed_urls"
DEBUG = True
X_FRAME_OPTIONS = "SAMEORIGIN"
