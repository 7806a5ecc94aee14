import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cortex", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="LostKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("server", models.CharField(max_length=255)),
                ("name", models.TextField()),
                ("noted_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "db_table": "cache_outbox",
            },
        ),
    ]
