from django.apps import AppConfig


class CrmConfig(AppConfig):
    name = "tests.importer.crm"
    label = "crm"
    default_auto_field = "django.db.models.BigAutoField"
