from django.conf import settings
from django.db import migrations, models

import tracking.models
from tracking.naming import app_label


class Migration(migrations.Migration):
    dependencies = [
        (app_label(), "0006_addresses"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="securityalert",
            name="handled_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="handled"),
        ),
        migrations.AddField(
            model_name="securityalert",
            name="handled_by",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=tracking.models.keep_without_user,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="handled by",
            ),
        ),
        migrations.AddField(
            model_name="securityalert",
            name="note",
            field=models.TextField(blank=True, db_default="", default="", verbose_name="note"),
        ),
        migrations.AddField(
            model_name="securityalert",
            name="state",
            field=models.CharField(
                choices=[
                    ("open", "Open"),
                    ("acknowledged", "Acknowledged"),
                    ("resolved", "Resolved"),
                    ("muted", "Muted"),
                ],
                db_default="open",
                default="open",
                max_length=12,
                verbose_name="state",
            ),
        ),
    ]
