import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from tracking.naming import app_label, index, table


class Migration(migrations.Migration):
    dependencies = [
        (app_label(), "0007_alert_states"),
    ]

    operations = [
        migrations.AlterField(
            model_name="securityalert",
            name="kind",
            field=models.CharField(
                choices=[
                    ("failure_burst", "Burst of failures"),
                    ("spraying", "Spraying"),
                    ("success_after_burst", "Login after a burst"),
                    ("new_device", "New device"),
                    ("reported", "Reported by the person"),
                ],
                max_length=20,
                verbose_name="kind",
            ),
        ),
        migrations.CreateModel(
            name="AlertChannel",
            fields=[
                (
                    "name",
                    models.CharField(
                        choices=[
                            ("webhook", "Webhook"),
                            ("mail", "Mail"),
                            ("person", "Mail to the person"),
                        ],
                        max_length=10,
                        primary_key=True,
                        serialize=False,
                        verbose_name="channel",
                    ),
                ),
                ("since", models.DateTimeField(default=django.utils.timezone.now, verbose_name="since")),
            ],
            options={
                "verbose_name": "alert channel",
                "verbose_name_plural": "alert channels",
                "db_table": table("alert_channels"),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AlertDelivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("webhook", "Webhook"),
                            ("mail", "Mail"),
                            ("person", "Mail to the person"),
                        ],
                        max_length=10,
                        verbose_name="channel",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("sent", "Sent"),
                            ("failed", "Failed"),
                            ("skipped", "Not needed"),
                        ],
                        default="pending",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="created"),
                ),
                (
                    "next_attempt_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="next attempt"),
                ),
                ("sent_at", models.DateTimeField(blank=True, null=True, verbose_name="sent")),
                ("last_error", models.CharField(blank=True, max_length=200, verbose_name="last error")),
                (
                    "alert",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to=f"{app_label()}.securityalert",
                        verbose_name="alert",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert delivery",
                "verbose_name_plural": "alert deliveries",
                "db_table": table("alert_deliveries"),
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("alert", "channel"), name=index("uniq_alert_deliveries")),
                ],
                "indexes": [
                    models.Index(
                        models.F("channel"),
                        models.F("next_attempt_at"),
                        condition=models.Q(("state", "pending")),
                        name=index("idx_alert_deliveries_due"),
                    ),
                    models.Index(models.F("created_at"), name=index("idx_alert_deliveries_created")),
                ],
            },
        ),
    ]
