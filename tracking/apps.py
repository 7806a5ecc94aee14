from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from tracking.naming import other_owner


class TrackingConfig(AppConfig):
    name = "tracking"
    verbose_name = _("Tracking")
    default_auto_field = "django.db.models.BigAutoField"

    def __init__(self, app_name: str, app_module: Any) -> None:
        super().__init__(app_name, app_module)
        # The app that has our label; then ours is another until the site chooses one. `checks` reports it.
        self.label_owner = other_owner(self.label, self.name)
        if self.label_owner:
            self.label = f"{self.label}_2"

    def ready(self) -> None:
        from django.contrib.auth import signals as auth
        from django.contrib.auth.forms import AuthenticationForm
        from django.db.models import signals as db

        from tracking import checks as checks
        from tracking.capture import receivers
        from tracking.contrib import connect_installed
        from tracking.sessions.revocations import expect_news
        from tracking.signals import sessions_revoked

        name = "tracking.{}".format
        auth.user_logged_in.connect(receivers.on_login, dispatch_uid=name("login"))
        auth.user_login_failed.connect(receivers.on_failure, dispatch_uid=name("failure"))
        auth.user_logged_out.connect(receivers.on_logout, dispatch_uid=name("logout"))
        sessions_revoked.connect(expect_news, dispatch_uid=name("revoked"))
        for model in apps.get_models():
            connect_user_signals(model)
        db.class_prepared.connect(on_class_prepared, dispatch_uid=name("class_prepared"))
        connect_installed()
        if not hasattr(AuthenticationForm.clean, "notes_refusals"):
            AuthenticationForm.clean = receivers.noting_refusals(AuthenticationForm.clean)  # type: ignore[method-assign, assignment]


def connect_user_signals(model: type[Model]) -> None:
    """Connect the receivers if the model is the user model, or a proxy or child of it; each is a sender of its own.

    Other models get no receivers: with a receiver for deletions, Django fetches every row before it deletes it.
    """
    try:
        is_user = issubclass(model, get_user_model())
    except ImproperlyConfigured:  # AUTH_USER_MODEL is not installed, or not loaded yet; Django itself says so
        return
    if not is_user:
        return
    from django.db.models import signals as db

    from tracking.capture import receivers

    db.post_save.connect(receivers.on_user_saved, model, dispatch_uid="tracking.user_saved")
    db.pre_delete.connect(receivers.on_user_to_be_deleted, model, dispatch_uid="tracking.user_to_be_deleted")
    db.post_delete.connect(receivers.on_user_deleted, model, dispatch_uid="tracking.user_deleted")


def on_class_prepared(sender: type[Model], **_: Any) -> None:
    """Connect models that are defined after the apps are ready, such as proxies."""
    connect_user_signals(sender)
