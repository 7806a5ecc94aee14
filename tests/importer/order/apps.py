from django.apps import AppConfig


class OrderConfig(AppConfig):
    name = "tests.importer.order"
    label = "order"
    default_auto_field = "django.db.models.BigAutoField"
