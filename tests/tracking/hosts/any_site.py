"""The common settings of the host sites: those of any Django site, and tracking's documented lines."""

import json
import os
from typing import Any

SECRET_KEY = "a-secret-of-the-host-site-" + "x" * 40
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.tracking.hosts.urls"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "/static/"
LOGIN_REDIRECT_URL = "/page/"
DATABASES: dict[str, dict[str, Any]] = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
}
CACHES: dict[str, dict[str, Any]] = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

# -- the documented lines ---------------------------------------------------------------------------------------------

if not os.environ.get("HOST_WITHOUT_TRACKING"):
    INSTALLED_APPS += ["tracking"]
    MIDDLEWARE += ["tracking.middleware.TrackingMiddleware"]  # after AuthenticationMiddleware
    TRACKING = {"SPOOL_DIR": os.environ["HOST_SPOOL"]} | json.loads(os.environ.get("HOST_TRACKING", "{}"))
