"""A site whose logins are allauth's, with second factors and logins by code."""

from tests.tracking.hosts.allauth import *  # noqa: F403
from tests.tracking.hosts.allauth import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "allauth.mfa"]
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
