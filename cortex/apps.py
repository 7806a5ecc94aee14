from typing import Any

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class CortexConfig(AppConfig):
    name = "cortex"
    verbose_name = "Cortex"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from cortex.freshness import connect
        from cortex.signon import checks  # noqa: F401  (registers the system checks)

        connect()

    def erase_user(self, user: Any) -> dict[str, list[str]]:
        """Erases a user from the site's tables. `manage.py erase_user` calls it; see docs/tracking.md."""
        from cortex.privacy import erase_user

        return erase_user(user)


class CortexAdminConfig(AdminConfig):
    default_site = "cortex.administration.CortexAdminSite"
