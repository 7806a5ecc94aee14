"""Jobs, chunks, rejected records and the audit trail, to look at. Jobs can be made here, and run by workers.

Everybody sees the rows of the jobs that `importer.rights` allows, without what those quote from sources that the user
may not read.
"""

import json
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from importer.forms import NewJobForm
from importer.models import DataImportJob, ImportChunk, MigrationLog, StagingRecord
from importer.quotes import Redaction
from importer.records import FATES
from importer.rights import may_import_with, sees_every_job, specs_for, visible_jobs

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin  # takes no type while it runs


# What an address may ask of a column that a list is filtered by: `?raw__name__startswith=A` would read hidden values.
OPEN_LOOKUPS = frozenset({"", "exact", "in", "isnull", "id", "id__exact"})


class RedactedChangeList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (DataError, ValueError) as error:  # a value that a column does not take, such as NUL
            raise IncorrectLookupParameters(error) from None
        redaction = Redaction(request.user)
        self.result_list = [redaction.of(row) for row in self.result_list]


class ReadOnly(ModelAdmin):
    """The importer's tables are a ledger: people read them, the importer alone writes them."""

    # It would count a table that may have millions of rows.
    show_full_result_count = False
    list_per_page = 50
    # Columns of megabytes, which no list shows.
    large: tuple[str, ...] = ()
    job_path = "job"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request).defer(*self.large)
        if self.job_path == "job":
            rows = rows.select_related("job").defer(*self.large, "job__contested", "job__columns")
        if sees_every_job(request.user):
            return rows
        return rows.filter(**{f"{self.job_path}__in": visible_jobs(request.user).values("pk")})

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is None:
            return None
        for name in row.get_deferred_fields() - {"contested"}:
            getattr(row, name)  # loads it: what is still deferred, the redaction leaves out
        return Redaction(request.user).of(row)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django looks for the object first, and would lead those without any right to the index."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return super().history_view(request, object_id, extra_context)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RedactedChangeList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        column, _, rest = lookup.partition("__")
        return column in (*self.list_filter, "job") and rest in OPEN_LOOKUPS

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(DataImportJob)
class DataImportJobAdmin(ReadOnly):
    list_display = ("id", "label", "status", *FATES, "created_at", "finished_at")
    list_filter = ("status", "spec")
    search_fields = ("name", "spec", "source")
    actions = ("ask_to_stop", "run_in_background")
    exclude = ("contested",)
    large = ("contested", "columns")
    job_path = "pk"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A job writes what its spec's model holds, users included: the right to add jobs alone is not enough."""
        return ModelAdmin.has_add_permission(self, request) and bool(specs_for(request.user))

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

    def has_run_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("importer.change_dataimportjob")

    def has_queue_permission(self, request: HttpRequest) -> bool:
        return self.has_run_permission(request) and apps.is_installed("procrastinate.contrib.django")

    @admin.action(description="Run in the background", permissions=["queue"])
    def run_in_background(self, request: HttpRequest, jobs: QuerySet[DataImportJob]) -> None:
        """Within the request's transaction: a job that is rolled back is not run."""
        from importer.executors import queue

        chosen = list(jobs)
        done = [job for job in chosen if job.status == DataImportJob.Status.COMPLETED]
        refused = [job for job in chosen if not may_import_with(request.user, job.spec)]
        wanted = [job for job in chosen if job not in done and job not in refused]
        put = sum(queue.enqueue_run(job.pk, request.user.pk) for job in wanted)
        if put:
            told = (
                f"{_number(put, 'job')} put into the queue of the workers; this list shows how far they are."
            )
            self.message_user(request, told, messages.SUCCESS)
        if waiting := len(wanted) - put:
            told = f"{_number(waiting, 'job')} in the queue already, for `manage.py procrastinate worker` to take."
            self.message_user(request, told, messages.WARNING)
        if done:
            told = f"{', '.join(map(str, done))}: completed already; not run again."
            self.message_user(request, told, messages.WARNING)
        if refused:
            told = f"{', '.join(map(str, refused))}: not run, since you may not write the records that come of it."
            self.message_user(request, told, messages.ERROR)

    @admin.action(description="Stop after the batch in hand", permissions=["run"])
    def ask_to_stop(self, request: HttpRequest, jobs: QuerySet[DataImportJob]) -> None:
        """Those that wait for a worker do so no longer. Only what one could have run oneself is stopped."""
        jobs = jobs.filter(spec__in=specs_for(request.user))
        asked = jobs.filter(status=DataImportJob.Status.RUNNING).update(stop_requested=True)
        taken_back = 0
        if self.has_queue_permission(request):
            from importer.executors import queue

            taken_back = sum(queue.take_back_run(job_id) for job_id in jobs.values_list("pk", flat=True))
        told = []
        if asked:
            told.append(f"{_number(asked, 'running job')} asked to stop after the batch in hand.")
        if taken_back:
            told.append(f"{_number(taken_back, 'waiting job')} taken out of the queue.")
        if told:
            self.message_user(request, " ".join(told), messages.SUCCESS)
        else:
            self.message_user(request, "None of these runs or waits for a worker.", messages.WARNING)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


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
        "trouble",
    )
    list_filter = ("state",)
    search_fields = ("=job__id",)
    ordering = ("job_id", "number")

    @admin.display(description="last error")
    def trouble(self, chunk: ImportChunk) -> str:
        """A method, since a list can be put in the order of a column, also of a hidden one."""
        return chunk.last_error


@admin.register(StagingRecord)
class StagingRecordAdmin(ReadOnly):
    list_display = ("job_id", "line", "state", "reasons")
    large = ("raw",)
    list_filter = ("state",)
    search_fields = ("=job__id",)
    ordering = ("-id",)

    @admin.display
    def reasons(self, record: StagingRecord) -> str:
        return "; ".join(f"{error['field'] or 'record'}: {error['message']}" for error in record.errors)


@admin.register(MigrationLog)
class MigrationLogAdmin(ReadOnly):
    list_display = ("logged_at", "job_id", "event", "why", "figures")
    list_filter = ("event",)
    search_fields = ("=job__id",)
    ordering = ("-id",)

    @admin.display(description="reason")
    def why(self, entry: MigrationLog) -> str:
        return entry.reason

    @admin.display(description="details")
    def figures(self, entry: MigrationLog) -> str:
        return json.dumps(entry.details, ensure_ascii=False)
