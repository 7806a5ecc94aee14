"""A site with an API: Django REST framework and knox, whose tokens send Django's login signals."""

from tests.tracking.hosts.plain import *  # noqa: F403
from tests.tracking.hosts.plain import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework", "knox"]
ROOT_URLCONF = "tests.tracking.hosts.token_urls"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.BasicAuthentication",
        "rest_framework.authentication.SessionAuthentication",
        "knox.auth.TokenAuthentication",
    ]
}
