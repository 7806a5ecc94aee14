from django.db import migrations, models

from importer.naming import app_label


class Migration(migrations.Migration):
    dependencies = [
        (app_label(), "0007_parents_created"),
    ]

    operations = [
        migrations.AddField(
            model_name="dataimportjob",
            name="parts",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="The files, if the job reads several as one source.",
            ),
        ),
    ]
