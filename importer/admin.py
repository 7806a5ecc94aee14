"""Shows jobs, chunks, rejected records and the audit trail; creates jobs and has workers run them.

Each user sees the rows of the jobs that `importer.rights` allows, without what they quote from sources that the user
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
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.html import format_html

from importer.browser.begin_address import start_address
from importer.browser.button import ImportMixin, add_buttons
from importer.browser.frame import address
from importer.browser.job.lead import START_WORKER
from importer.browser.targets import models_offered
from importer.conf import conf
from importer.forms import BASICS, DIALECT, NewJobForm
from importer.models import DataImportJob, ImportChunk, JobQuerySet, MigrationLog, StagingRecord
from importer.quotes import Redaction
from importer.records import FATES
from importer.rights import may_import_with, sees_every_job, specs_for, visible_jobs

__all__ = ["ImportMixin"]

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin  # not subscriptable at run time


# Lookups that a URL may apply to a filtered column: `?raw__name__startswith=A` would read hidden values.
OPEN_LOOKUPS = frozenset({"", "exact", "in", "isnull", "id", "id__exact"})


class RedactedChangeList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (DataError, ValueError) as error:  # a value that a column rejects, such as NUL
            raise IncorrectLookupParameters(error) from None
        redaction = Redaction(request.user)
        self.result_list = [redaction.of(row) for row in self.result_list]


class ReadOnly(ModelAdmin):
    """Lets people read the importer's tables. Only the importer writes them."""

    # The full count would scan a table that may have millions of rows.
    show_full_result_count = False
    list_per_page = 50
    # Columns that may hold megabytes; lists do not load them.
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
            getattr(row, name)  # loads it; the redaction leaves out what is still deferred
        return Redaction(request.user).of(row)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Check the permission first: Django would redirect users without rights to the index."""
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
    list_display_links = ("id",)
    change_list_template = "importer/job_list.html"
    change_form_template = "importer/job.html"
    large = ("contested", "columns", "parts", "proposal")
    job_path = "pk"

    def get_urls(self) -> list[Any]:
        from importer.browser.urls import urls  # with the pipeline, which few processes need

        # By now every ModelAdmin is registered. Their templates are looked up at each request.
        if conf.ADMIN_BUTTON:
            add_buttons(self.admin_site, models_offered())
        return [*urls(self.admin_site), *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Require a spec too: a job writes its spec's model (users, say), so the right to add jobs is not enough."""
        return ModelAdmin.has_add_permission(self, request) and bool(specs_for(request.user))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None:
            return super().get_form(request, obj, change, **kwargs)
        return type("NewJobForm", (NewJobForm,), {"created_by": request.user})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return super().get_fieldsets(request, obj)
        return [
            (None, {"fields": BASICS}),
            ("How the file is written", {"fields": DIALECT, "classes": ["collapse"]}),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        start = start_address(self.admin_site, request.user)
        return super().changelist_view(request, {"start": start} | (extra_context or {}))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        job = kwargs.get("obj")
        context["story"] = address(self.admin_site, "story", job.pk) if job else ""
        context["start"] = "" if job else start_address(self.admin_site, request.user)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Do nothing: the form has created the job."""

    def response_post_save_add(self, request: HttpRequest, obj: DataImportJob) -> HttpResponseRedirect:
        """Lead to the job's page, which has the button to start it."""
        return redirect(address(self.admin_site, "story", obj.pk))

    @admin.display(description="job")
    def label(self, job: DataImportJob) -> str:
        return format_html(
            '<a href="{}">{}</a>', address(self.admin_site, "story", job.pk), job.name or job.spec
        )

    def has_run_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.change_dataimportjob")

    def has_queue_permission(self, request: HttpRequest) -> bool:
        return self.has_run_permission(request) and apps.is_installed("procrastinate.contrib.django")

    @admin.action(description="Run in the background", permissions=["queue"])
    def run_in_background(self, request: HttpRequest, jobs: QuerySet[DataImportJob]) -> None:
        """Enqueue the jobs within the request's transaction: a rollback takes them out of the queue again."""
        from importer.executors import queue

        selected = list(jobs)
        done = [job for job in selected if job.status == DataImportJob.Status.COMPLETED]
        forbidden = [job for job in selected if not may_import_with(request.user, job.spec)]
        runnable = [job for job in selected if job not in done and job not in forbidden]
        enqueued = sum(queue.enqueue_run(job.pk, request.user.pk) for job in runnable)
        if enqueued:
            text = f"{_number(enqueued, 'job')} queued for the workers; this list shows the progress."
            if queue.has_workers():
                self.message_user(request, text, messages.SUCCESS)
            else:
                missing = f"No worker is running; start one with `{START_WORKER}`."
                self.message_user(request, f"{text} {missing}", messages.WARNING)
        if waiting := len(runnable) - enqueued:
            text = f"{_number(waiting, 'job')} already in the queue, waiting for `manage.py procrastinate worker`."
            self.message_user(request, text, messages.WARNING)
        if done:
            text = f"Already completed, not run again: {', '.join(map(str, done))}."
            self.message_user(request, text, messages.WARNING)
        if forbidden:
            text = f"Not run, because you may not write their records: {', '.join(map(str, forbidden))}."
            self.message_user(request, text, messages.ERROR)

    @admin.action(description="Stop after the current batch", permissions=["run"])
    def ask_to_stop(self, request: HttpRequest, jobs: JobQuerySet) -> None:
        """Stop running jobs and remove waiting ones from the queue, as far as the user may run them."""
        jobs = jobs.filter(spec__in=specs_for(request.user))
        stopping = jobs.ask_to_stop()
        dequeued = 0
        if self.has_queue_permission(request):
            from importer.executors import queue

            dequeued = sum(queue.take_back_run(job_id) for job_id in jobs.values_list("pk", flat=True))
        texts = []
        if stopping:
            texts.append(f"{_number(stopping, 'running job')} will stop after the current batch.")
        if dequeued:
            texts.append(f"{_number(dequeued, 'waiting job')} removed from the queue.")
        if texts:
            self.message_user(request, " ".join(texts), messages.SUCCESS)
        else:
            self.message_user(
                request, "None of the selected jobs is running or waiting for a worker.", messages.WARNING
            )


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@admin.register(ImportChunk)
class ImportChunkAdmin(ReadOnly):
    list_display = (
        "job_id",
        "number",
        "state",
        "place",
        *FATES,
        "attempts",
        "lease_owner",
        "trouble",
    )
    list_filter = ("state",)
    search_fields = ("=job__id",)
    ordering = ("job_id", "number")

    @admin.display(description="committed line", ordering="committed_line")
    def place(self, chunk: ImportChunk) -> str:
        return chunk.job.place_of(chunk.committed_line)

    @admin.display(description="last error")
    def trouble(self, chunk: ImportChunk) -> str:
        """Return the error as a method: a list can be sorted by a column, and the order would reveal hidden texts."""
        return chunk.last_error


@admin.register(StagingRecord)
class StagingRecordAdmin(ReadOnly):
    list_display = ("job_id", "place", "state", "reasons")
    large = ("raw",)
    list_filter = ("state",)
    search_fields = ("=job__id",)
    ordering = ("-id",)

    @admin.display(description="line", ordering="line")
    def place(self, record: StagingRecord) -> str:
        return record.job.place_of(record.line)

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
