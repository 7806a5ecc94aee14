from django.apps import AppConfig


class ShapesConfig(AppConfig):
    name = "benchmarks.shapes"
    default_auto_field = "django.db.models.BigAutoField"
