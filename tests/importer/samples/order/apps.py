from django.apps import AppConfig


class OrderConfig(AppConfig):
    name = "tests.importer.samples.order"
    label = "order"
    default_auto_field = "django.db.models.BigAutoField"
