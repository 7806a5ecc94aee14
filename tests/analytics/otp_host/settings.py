"""A site whose admin requires a second factor: django-otp's AdminSite, wired as documented."""

from tests.analytics.host.settings import *  # noqa: F403
from tests.analytics.host.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "django_otp", "django_otp.plugins.otp_static"]
MIDDLEWARE = [*MIDDLEWARE, "django_otp.middleware.OTPMiddleware"]
ROOT_URLCONF = "tests.analytics.otp_host.urls"
