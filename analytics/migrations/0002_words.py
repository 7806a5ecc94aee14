from django.db import migrations

from analytics.naming import app_label


class Migration(migrations.Migration):
    dependencies = [
        (app_label(), "0001_rollups"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="dashboard",
            options={
                "default_permissions": (),
                "permissions": [("view_dashboard", "Can view the analytics dashboard")],
                "verbose_name": "dashboard",
                "verbose_name_plural": "dashboard",
            },
        ),
    ]
