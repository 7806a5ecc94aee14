from django.db import migrations, models

from tracking.naming import app_label


class Migration(migrations.Migration):
    dependencies = [(app_label(), "0008_alert_deliveries")]

    operations = [
        migrations.AddField(
            model_name="loginevent",
            name="country",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Where the address was when the event was recorded: two letters of ISO 3166-1.",
                max_length=2,
                verbose_name="country",
            ),
        ),
        migrations.AlterField(
            model_name="securityalert",
            name="kind",
            field=models.CharField(
                choices=[
                    ("failure_burst", "Burst of failures"),
                    ("spraying", "Spraying"),
                    ("success_after_burst", "Login after a burst"),
                    ("impossible_travel", "Impossible travel"),
                    ("new_country", "New country"),
                    ("new_device", "New device"),
                    ("reported", "Reported by the person"),
                ],
                max_length=20,
                verbose_name="kind",
            ),
        ),
    ]
