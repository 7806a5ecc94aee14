from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"
    verbose_name = "Analytics"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from analytics import checks as checks
        from analytics.rollups.pruned import on_pruning
        from tracking.signals import pruning

        pruning.connect(on_pruning, dispatch_uid="analytics.pruning")
