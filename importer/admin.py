"""Jobs, chunks, set-aside records and the audit trail, to look at. Jobs can be made here, and run by workers."""

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from importer.forms import NewJobForm
from importer.models import DataImportJob, ImportChunk, MigrationLog, StagingRecord
from importer.results import FATES

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin  # takes no type while it runs


class ReadOnly(ModelAdmin):
    """The importer's tables are a ledger: people read them, the importer alone writes them."""

    # Both would count a table that may have millions of rows.
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(DataImportJob)
class DataImportJobAdmin(ReadOnly):
    list_display = ("id", "label", "status", *FATES, "created_at", "finished_at")
    list_filter = ("status", "spec")
    search_fields = ("name", "spec", "source")
    actions = ("ask_to_stop", "run_in_background")
    exclude = ("contested",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A job writes whatever its spec's model holds, users included, and reads what the site may read: more than the
        permission to add jobs says to whoever gives it."""
        return bool(request.user.is_active and request.user.is_superuser)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None:
            return super().get_form(request, obj, change, **kwargs)
        return type("NewJobForm", (NewJobForm,), {"created_by": request.user})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fields(request, obj) if obj is not None else NewJobForm.Meta.fields

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form has made it."""

    @admin.display(description="job")
    def label(self, job: DataImportJob) -> str:
        return job.name or job.spec

    def has_queue_permission(self, request: HttpRequest) -> bool:
        return apps.is_installed("procrastinate.contrib.django") and request.user.has_perm(
            "importer.change_dataimportjob"
        )

    @admin.action(description="Run in the background", permissions=["queue"])
    def run_in_background(self, request: HttpRequest, jobs: QuerySet[DataImportJob]) -> None:
        """Within the request's transaction: a job that is rolled back is not run."""
        from importer.tasks import run_in_background

        chosen = jobs.exclude(status=DataImportJob.Status.COMPLETED)
        for job_id in chosen.values_list("pk", flat=True):
            run_in_background.defer(job_id=job_id, user_id=str(request.user.pk))
        self.message_user(
            request,
            f"{len(chosen)} jobs wait for a worker (`manage.py procrastinate worker`); this list shows how they go.",
            messages.SUCCESS,
        )

    @admin.action(description="Stop after the batch in hand", permissions=["delete"])
    def ask_to_stop(self, request: HttpRequest, jobs: QuerySet[DataImportJob]) -> None:
        asked = jobs.filter(status=DataImportJob.Status.RUNNING).update(stop_requested=True)
        self.message_user(request, f"{asked} running jobs were asked to stop.", messages.SUCCESS)


@admin.register(ImportChunk)
class ImportChunkAdmin(ReadOnly):
    list_display = (
        "job_id",
        "number",
        "state",
        "committed_line",
        *FATES,
        "attempts",
        "lease_owner",
        "last_error",
    )
    list_filter = ("state",)
    search_fields = ("=job__id",)
    ordering = ("job_id", "number")


@admin.register(StagingRecord)
class StagingRecordAdmin(ReadOnly):
    list_display = ("job_id", "line", "state", "reasons")
    list_filter = ("state",)
    search_fields = ("=job__id",)
    ordering = ("-id",)

    @admin.display
    def reasons(self, record: StagingRecord) -> str:
        return "; ".join(f"{error['field'] or 'record'}: {error['message']}" for error in record.errors)


@admin.register(MigrationLog)
class MigrationLogAdmin(ReadOnly):
    list_display = ("logged_at", "job_id", "event", "reason", "details")
    list_filter = ("event",)
    search_fields = ("=job__id",)
    ordering = ("-id",)
