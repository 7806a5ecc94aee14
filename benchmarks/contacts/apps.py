from django.apps import AppConfig


class ContactsConfig(AppConfig):
    name = "benchmarks.contacts"
    label = "contacts"
    default_auto_field = "django.db.models.BigAutoField"
