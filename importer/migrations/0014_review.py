from django.conf import settings
from django.db import migrations, models

from importer.naming import app_label, index


class Migration(migrations.Migration):
    dependencies = [
        (app_label(), "0013_drafts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="dataimportjob",
            options={
                "permissions": [
                    ("read_source", "Can read whole sources, and what messages quote from them"),
                    ("approve_dataimportjob", "Can approve import jobs of others"),
                ],
                "verbose_name": "import job",
            },
        ),
        migrations.RemoveConstraint(
            model_name="dataimportjob",
            name=index("data_import_jobs_status_known"),
        ),
        migrations.AddField(
            model_name="dataimportjob",
            name="approved_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="dataimportjob",
            name="approved_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=models.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="dataimportjob",
            name="needs_approval",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="A second person must approve it before anything is written.",
            ),
        ),
        migrations.AddField(
            model_name="dataimportjob",
            name="proposal",
            field=models.JSONField(
                blank=True,
                editable=False,
                help_text="What its dry run has found, for who approves it.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="dataimportjob",
            name="status",
            field=models.CharField(
                choices=[
                    ("pending", "Pending"),
                    ("running", "Running"),
                    ("stopped", "Stopped"),
                    ("failed", "Failed"),
                    ("completed", "Completed"),
                    ("awaiting_approval", "Awaiting Approval"),
                ],
                default="pending",
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="migrationlog",
            name="event",
            field=models.CharField(
                choices=[
                    ("created", "Created"),
                    ("refused", "Refused"),
                    ("waiting", "Waiting"),
                    ("proposed", "Proposed"),
                    ("approved", "Approved"),
                    ("declined", "Declined"),
                    ("started", "Started"),
                    ("planned", "Planned"),
                    ("survey", "Survey"),
                    ("noted", "Noted"),
                    ("fresh", "Fresh"),
                    ("gathered", "Gathered"),
                    ("executing", "Executing"),
                    ("no_worker", "No Worker"),
                    ("batch_size", "Batch Size"),
                    ("long_fields", "Long Fields"),
                    ("parents_created", "Parents Created"),
                    ("retry", "Retry"),
                    ("lease_lost", "Lease Lost"),
                    ("recycled", "Recycled"),
                    ("worker_died", "Worker Died"),
                    ("worker_failed", "Worker Failed"),
                    ("died", "Died"),
                    ("stopped", "Stopped"),
                    ("failed", "Failed"),
                    ("completed", "Completed"),
                    ("dry_run_failed", "Dry Run Failed"),
                    ("mended", "Mended"),
                    ("replayed", "Replayed"),
                    ("person_erased", "Person Erased"),
                    ("rejects_pruned", "Rejects Pruned"),
                    ("upload_deleted", "Upload Deleted"),
                    ("undone", "Undone"),
                    ("verified", "Verified"),
                ],
                max_length=40,
            ),
        ),
        migrations.AddConstraint(
            model_name="dataimportjob",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        ["pending", "running", "stopped", "failed", "completed", "awaiting_approval"],
                    )
                ),
                name=index("data_import_jobs_status_known"),
            ),
        ),
    ]
