"""A site of django-tenants: each tenant has a schema of its own, with its users, sessions and tracking."""

import os

import environ

from tests.tracking.hosts.any_site import *  # noqa: F403
from tests.tracking.hosts.any_site import INSTALLED_APPS as APPS
from tests.tracking.hosts.any_site import MIDDLEWARE as SITES_MIDDLEWARE

SHARED_APPS = ["django_tenants", "tests.sites.hosts.tenants_customers", "django.contrib.contenttypes"]
TENANT_APPS = [*APPS, "django.contrib.staticfiles", "analytics"]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]
TENANT_MODEL = "tenants_customers.Client"
TENANT_DOMAIN_MODEL = "tenants_customers.Domain"
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
DATABASES = {
    "default": environ.Env.db_url_config(os.environ["DATABASE_URL"])
    | {"ENGINE": "django_tenants.postgresql_backend"}
}
MIDDLEWARE = ["django_tenants.middleware.main.TenantMainMiddleware", *SITES_MIDDLEWARE]
ROOT_URLCONF = "tests.sites.hosts.tenants_urls"
