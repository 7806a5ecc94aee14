from importlib.util import find_spec
from typing import Any

from django.apps import AppConfig, apps
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _


class AnalyticsConfig(AppConfig):
    name = "analytics"
    verbose_name = _("Analytics")
    default_auto_field = "django.db.models.BigAutoField"

    def __init__(self, app_name: str, app_module: Any) -> None:
        super().__init__(app_name, app_module)
        require_our_tracking()
        from tracking.naming import other_owner

        # The app that has our label; then ours is another until the site chooses one. `checks` reports it.
        self.label_owner = other_owner(self.label, self.name)
        if self.label_owner:
            self.label = f"{self.label}_2"

    def erase_user(self, user: Any) -> dict[str, list[str]]:
        """Erase a person. Called by tracking's `manage.py erase_user`; see docs/tracking.md."""
        from analytics.panels.saved_views import erase_views

        return {"erased": [f"{erase_views(user):,} saved views"], "stays": []}

    def ready(self) -> None:
        if not apps.is_installed("tracking"):
            raise ImproperlyConfigured(
                'analytics reads what tracking records: add "tracking" to INSTALLED_APPS.'
            )
        from analytics import checks as checks
        from analytics.rollups.erased import on_erased
        from analytics.rollups.pruned import on_pruning
        from tracking.signals import erased, pruning

        pruning.connect(on_pruning, dispatch_uid="analytics.pruning")
        erased.connect(on_erased, dispatch_uid="analytics.erased")


def require_our_tracking() -> None:
    """Raise ImproperlyConfigured if Python finds another package under the name of the one that analytics reads."""
    if find_spec("tracking.naming") is None:
        other = find_spec("tracking")
        raise ImproperlyConfigured(
            'analytics reads what the app "tracking" of django-cortex records, but Python finds '
            f"{other.origin if other else 'no such package'}. Two packages of one name cannot be imported together; "
            "see docs/in-your-site.md, Names that clash."
        )
