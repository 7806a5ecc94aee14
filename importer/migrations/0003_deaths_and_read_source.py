from django.db import migrations, models

from importer.naming import app_label


class Migration(migrations.Migration):
    dependencies = [(app_label(), "0002_source_mark")]

    operations = [
        migrations.AlterModelOptions(
            name="dataimportjob",
            options={
                "permissions": [("read_source", "Can read whole sources, and what messages quote from them")],
                "verbose_name": "import job",
            },
        ),
        migrations.AddField(
            model_name="dataimportjob",
            name="deaths",
            field=models.PositiveSmallIntegerField(
                default=0,
                editable=False,
                help_text="Runs in a row that were killed before they committed a batch.",
            ),
        ),
    ]
