from django.conf import settings
from django.db import migrations, models

from tracking.naming import app_label, index


class Migration(migrations.Migration):
    dependencies = [
        (app_label(), "0005_acting_as"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="loginevent",
            index=models.Index(
                models.F("ip_address"),
                models.OrderBy(models.F("timestamp"), descending=True),
                name=index("idx_login_events_ip_time"),
            ),
        ),
    ]
