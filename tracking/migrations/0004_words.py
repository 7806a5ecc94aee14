import django.core.serializers.json
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import tracking.models
from tracking.naming import app_label


class Migration(migrations.Migration):
    dependencies = [
        (app_label(), "0003_second_factor"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="loginevent",
            options={"verbose_name": "login", "verbose_name_plural": "logins"},
        ),
        migrations.AlterModelOptions(
            name="securityalert",
            options={"verbose_name": "security alert", "verbose_name_plural": "security alerts"},
        ),
        migrations.AlterModelOptions(
            name="usersession",
            options={
                "permissions": [("end_usersession", "Can end sessions of others")],
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
            },
        ),
        migrations.AlterField(
            model_name="activitylog",
            name="action",
            field=models.CharField(max_length=100, verbose_name="action"),
        ),
        migrations.AlterField(
            model_name="activitylog",
            name="entity_id",
            field=models.CharField(blank=True, max_length=64, verbose_name="id of entity"),
        ),
        migrations.AlterField(
            model_name="activitylog",
            name="entity_type",
            field=models.CharField(blank=True, max_length=100, verbose_name="type of entity"),
        ),
        migrations.AlterField(
            model_name="activitylog",
            name="metadata",
            field=models.JSONField(
                blank=True,
                default=dict,
                encoder=django.core.serializers.json.DjangoJSONEncoder,
                verbose_name="metadata",
            ),
        ),
        migrations.AlterField(
            model_name="activitylog",
            name="timestamp",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="time"),
        ),
        migrations.AlterField(
            model_name="activitylog",
            name="user",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=tracking.models.keep_without_user,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.AlterField(
            model_name="loginevent",
            name="browser",
            field=models.CharField(blank=True, max_length=60, verbose_name="browser"),
        ),
        migrations.AlterField(
            model_name="loginevent",
            name="device_type",
            field=models.CharField(
                choices=[
                    ("desktop", "Desktop"),
                    ("mobile", "Mobile"),
                    ("tablet", "Tablet"),
                    ("bot", "Bot"),
                    ("other", "Other"),
                ],
                default="other",
                max_length=10,
                verbose_name="device",
            ),
        ),
        migrations.AlterField(
            model_name="loginevent",
            name="evidence",
            field=models.JSONField(blank=True, default=dict, verbose_name="evidence"),
        ),
        migrations.AlterField(
            model_name="loginevent",
            name="failure_reason",
            field=models.CharField(blank=True, max_length=40, verbose_name="reason"),
        ),
        migrations.AlterField(
            model_name="loginevent",
            name="identifier",
            field=models.CharField(
                blank=True,
                help_text="The entered name if a user has it; otherwise a keyed hash of what was entered.",
                max_length=254,
                verbose_name="identifier",
            ),
        ),
        migrations.AlterField(
            model_name="loginevent",
            name="ip_address",
            field=models.GenericIPAddressField(blank=True, null=True, verbose_name="IP address"),
        ),
        migrations.AlterField(
            model_name="loginevent",
            name="login_method",
            field=models.CharField(blank=True, max_length=40, verbose_name="method"),
        ),
        migrations.AlterField(
            model_name="loginevent",
            name="os",
            field=models.CharField(blank=True, max_length=60, verbose_name="system"),
        ),
        migrations.AlterField(
            model_name="loginevent",
            name="second_factor",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The second factor that was passed, or that failed: totp, webauthn …",
                max_length=20,
                verbose_name="second factor",
            ),
        ),
        migrations.AlterField(
            model_name="loginevent",
            name="session",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="logins",
                to=f"{app_label()}.usersession",
                verbose_name="session",
            ),
        ),
        migrations.AlterField(
            model_name="loginevent",
            name="success",
            field=models.BooleanField(verbose_name="success"),
        ),
        migrations.AlterField(
            model_name="loginevent",
            name="timestamp",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="time"),
        ),
        migrations.AlterField(
            model_name="loginevent",
            name="user",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=tracking.models.keep_without_user,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.AlterField(
            model_name="loginevent",
            name="user_agent",
            field=models.CharField(blank=True, max_length=512, verbose_name="user agent"),
        ),
        migrations.AlterField(
            model_name="securityalert",
            name="event",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="alerts",
                to=f"{app_label()}.loginevent",
                verbose_name="login",
            ),
        ),
        migrations.AlterField(
            model_name="securityalert",
            name="evidence",
            field=models.JSONField(default=dict, verbose_name="evidence"),
        ),
        migrations.AlterField(
            model_name="securityalert",
            name="identifier",
            field=models.CharField(blank=True, max_length=254, verbose_name="identifier"),
        ),
        migrations.AlterField(
            model_name="securityalert",
            name="ip_address",
            field=models.GenericIPAddressField(blank=True, null=True, verbose_name="IP address"),
        ),
        migrations.AlterField(
            model_name="securityalert",
            name="kind",
            field=models.CharField(
                choices=[
                    ("failure_burst", "Burst of failures"),
                    ("spraying", "Spraying"),
                    ("success_after_burst", "Login after a burst"),
                    ("new_device", "New device"),
                ],
                max_length=20,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="securityalert",
            name="occasion",
            field=models.CharField(
                editable=False,
                help_text="The deduplication key: at most one alert has it.",
                max_length=64,
                unique=True,
                verbose_name="occasion",
            ),
        ),
        migrations.AlterField(
            model_name="securityalert",
            name="timestamp",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="time"),
        ),
        migrations.AlterField(
            model_name="securityalert",
            name="user",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=tracking.models.keep_without_user,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.AlterField(
            model_name="usersession",
            name="browser",
            field=models.CharField(blank=True, max_length=60, verbose_name="browser"),
        ),
        migrations.AlterField(
            model_name="usersession",
            name="device_type",
            field=models.CharField(
                choices=[
                    ("desktop", "Desktop"),
                    ("mobile", "Mobile"),
                    ("tablet", "Tablet"),
                    ("bot", "Bot"),
                    ("other", "Other"),
                ],
                default="other",
                max_length=10,
                verbose_name="device",
            ),
        ),
        migrations.AlterField(
            model_name="usersession",
            name="end_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("logout", "Logged out"),
                    ("expired", "Expired"),
                    ("password_change", "Password changed"),
                    ("deactivated", "Account deactivated"),
                    ("ended_by_owner", "Ended by its owner"),
                    ("ended_by_admin", "Ended by an administrator"),
                ],
                max_length=20,
                verbose_name="ended by",
            ),
        ),
        migrations.AlterField(
            model_name="usersession",
            name="ended_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="ended"),
        ),
        migrations.AlterField(
            model_name="usersession",
            name="expires_at",
            field=models.DateTimeField(verbose_name="expires"),
        ),
        migrations.AlterField(
            model_name="usersession",
            name="ip_address",
            field=models.GenericIPAddressField(blank=True, null=True, verbose_name="IP address"),
        ),
        migrations.AlterField(
            model_name="usersession",
            name="last_seen_at",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="last seen"),
        ),
        migrations.AlterField(
            model_name="usersession",
            name="login_method",
            field=models.CharField(blank=True, max_length=40, verbose_name="method"),
        ),
        migrations.AlterField(
            model_name="usersession",
            name="os",
            field=models.CharField(blank=True, max_length=60, verbose_name="system"),
        ),
        migrations.AlterField(
            model_name="usersession",
            name="started_at",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="started"),
        ),
        migrations.AlterField(
            model_name="usersession",
            name="user",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=tracking.models.keep_without_user,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
    ]
