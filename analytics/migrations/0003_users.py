from django.conf import settings
from django.db import migrations, models

from analytics.models import forget_with_user
from analytics.naming import app_label, table


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        (app_label(), "0002_words"),
    ]

    operations = [
        migrations.CreateModel(
            name="UserRollup",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=forget_with_user,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("first_login_at", models.DateTimeField()),
                ("last_login_at", models.DateTimeField()),
                ("logins", models.IntegerField(help_text="Successful ones.")),
            ],
            options={
                "verbose_name": "summary of logins",
                "verbose_name_plural": "summaries of logins",
                "db_table": table("analytics_users"),
                "default_permissions": (),
            },
        ),
    ]
