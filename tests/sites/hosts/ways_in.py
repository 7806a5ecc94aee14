"""A site with lockouts of django-axes, and magic links of django-sesame."""

from tests.tracking.hosts.plain import *  # noqa: F403
from tests.tracking.hosts.plain import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "axes", "sesame"]
MIDDLEWARE = [*MIDDLEWARE, "axes.middleware.AxesMiddleware"]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "sesame.backends.ModelBackend",
    "tests.sites.hosts.ways_in_backends.LinkBackend",
    "tests.sites.hosts.ways_in_backends.NameBackend",
]
ROOT_URLCONF = "tests.sites.hosts.ways_in_urls"
AXES_FAILURE_LIMIT = 3
