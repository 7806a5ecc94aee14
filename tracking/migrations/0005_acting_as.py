from django.conf import settings
from django.db import migrations, models

import tracking.models
from tracking.naming import app_label, index


class Migration(migrations.Migration):
    dependencies = [
        (app_label(), "0004_words"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="usersession",
            name="acting_as",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=tracking.models.keep_without_user,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="acting as",
            ),
        ),
        migrations.AddIndex(
            model_name="usersession",
            index=models.Index(
                models.F("ended_at"),
                condition=models.Q(("acting_as__isnull", False)),
                name=index("idx_user_sessions_acting"),
            ),
        ),
    ]
