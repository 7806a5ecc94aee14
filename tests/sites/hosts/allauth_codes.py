"""A site whose logins are allauth's, with second factors, logins by code, and an API for apps."""

from tests.tracking.hosts.allauth import *  # noqa: F403
from tests.tracking.hosts.allauth import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "allauth.mfa", "allauth.headless"]
HEADLESS_CLIENTS = ("app", "browser")
ROOT_URLCONF = "tests.sites.hosts.allauth_codes_urls"
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
