import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from analytics.models import forget_with_user
from analytics.naming import app_label, index, table


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        (app_label(), "0003_users"),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                ("query", models.TextField(help_text="Period and filters as a query string.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=forget_with_user,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "saved view",
                "verbose_name_plural": "saved views",
                "db_table": table("saved_views"),
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("user", "name"), name=index("uniq_saved_views"))
                ],
            },
        ),
    ]
