from django.db import migrations, models

from tracking.naming import app_label


class Migration(migrations.Migration):
    dependencies = [
        (app_label(), "0002_help_texts"),
    ]

    operations = [
        migrations.AddField(
            model_name="loginevent",
            name="second_factor",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The second factor that was passed, or that failed: totp, webauthn …",
                max_length=20,
            ),
        ),
    ]
