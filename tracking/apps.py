from django.apps import AppConfig


class TrackingConfig(AppConfig):
    name = "tracking"
    verbose_name = "Tracking"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.contrib.auth import signals as auth
        from django.contrib.auth.forms import AuthenticationForm
        from django.db.models import signals as db

        from tracking import capture
        from tracking import checks as checks

        name = "tracking.{}".format
        auth.user_logged_in.connect(capture.on_login, dispatch_uid=name("login"))
        auth.user_login_failed.connect(capture.on_failure, dispatch_uid=name("failure"))
        auth.user_logged_out.connect(capture.on_logout, dispatch_uid=name("logout"))
        db.post_save.connect(capture.on_user_saved, dispatch_uid=name("user_saved"))
        db.pre_delete.connect(capture.on_user_to_be_deleted, dispatch_uid=name("user_to_be_deleted"))
        db.post_delete.connect(capture.on_user_deleted, dispatch_uid=name("user_deleted"))
        if not hasattr(AuthenticationForm.clean, "notes_refusals"):
            AuthenticationForm.clean = capture.noting_refusals(AuthenticationForm.clean)  # type: ignore[method-assign, assignment]
