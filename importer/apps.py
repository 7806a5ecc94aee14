from typing import Any

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class ImporterConfig(AppConfig):
    name = "importer"
    verbose_name = "Data import"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from importer import checks  # noqa: F401  (registers the system checks)

        autodiscover_modules("imports")

    def erase_user(self, user: Any) -> dict[str, list[str]]:
        """Erase a person. Called by tracking's `manage.py erase_user`; see docs/tracking.md."""
        from importer.privacy import erase_user

        return erase_user(user)
