from django.conf import settings
from django.db import migrations, models
from django.utils import timezone

from importer.naming import app_label, index, table


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        (app_label(), "0011_undo"),
    ]

    operations = [
        migrations.CreateModel(
            name="ImportMapping",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("version", models.PositiveIntegerField(default=1)),
                (
                    "model",
                    models.CharField(help_text="The model that it fills: app_label.model.", max_length=200),
                ),
                (
                    "columns",
                    models.JSONField(default=list, help_text="The columns of the file it was made for."),
                ),
                ("options", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(default=timezone.now)),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=models.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"db_table": table("data_import_mappings"), "verbose_name": "import mapping"},
        ),
        migrations.AddConstraint(
            model_name="importmapping",
            constraint=models.UniqueConstraint(
                fields=("name", "version"), name=index("import_mappings_name_version")
            ),
        ),
    ]
