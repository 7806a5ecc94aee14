"""A site with an API: the token views of Django REST framework, knox, simplejwt and djoser."""

from tests.tracking.hosts.plain import *  # noqa: F403
from tests.tracking.hosts.plain import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework", "rest_framework.authtoken", "knox", "djoser"]
ROOT_URLCONF = "tests.sites.hosts.tokens_urls"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.BasicAuthentication",
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.TokenAuthentication",
        "knox.auth.TokenAuthentication",
    ]
}
