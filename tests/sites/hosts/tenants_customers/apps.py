from django.apps import AppConfig


class CustomersConfig(AppConfig):
    name = "tests.sites.hosts.tenants_customers"
    label = "tenants_customers"
    default_auto_field = "django.db.models.BigAutoField"
