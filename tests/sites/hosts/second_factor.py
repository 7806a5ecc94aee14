"""A site with second factors: django-otp's admin, django-two-factor-auth's login."""

from tests.tracking.hosts.plain import *  # noqa: F403
from tests.tracking.hosts.plain import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "two_factor",
]
MIDDLEWARE = [*MIDDLEWARE, "django_otp.middleware.OTPMiddleware"]
ROOT_URLCONF = "tests.sites.hosts.second_factor_urls"
LOGIN_URL = "two_factor:login"
TWO_FACTOR_PATCH_ADMIN = False  # the admin has django-otp's own login
