"""Erases a person from rejected records, logs and reasons of failures (docs/decisions/0036)."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.text import get_valid_filename

from importer import ledger
from importer.conf import conf
from importer.models import (
    BeforeImage,
    DataImportJob,
    ImportChunk,
    ImportDraft,
    LogEvent,
    MigrationLog,
    StagingRecord,
)
from importer.privacy.mentions import Person, pages_that_may_name
from importer.sources.parts import sources_of

# Rows in memory at a time. Fewer records, because each may have megabytes.
PAGE, RECORDS_PAGE = 200, 2
# Lines about sources; the others are only counted.
MOST_LINES = 20
ERASED = "(erased)"
# Key in an erased record's raw values, with the date.
ERASED_MARK = "_erased"
State = StagingRecord.State


def erase_user(user: Any) -> dict[str, list[str]]:
    """Erase a person and return lines for people: {"erased": what was erased, "stays": what was not, and why}."""
    person = Person.of(user)
    touched: set[int] = set()
    records, busy = _erase_records(person, touched)
    images, drafts = _erase_images(person, touched), _erase_drafts(person)
    entries = _erase_log(person, touched)
    others = _erase_jobs(person, touched) + _erase_chunks(person, touched)
    erased = [
        f"{records:,} rejected records that named them",
        f"{images:,} rows as they were before an import changed them",
        f"{drafts:,} drafts of imports whose samples named them",
        f"{entries:,} log entries",
        f"{others:,} jobs and chunks, in names, reasons of failures and columns",
    ]
    return {
        "erased": erased,
        "stays": [*_stays_of(user, touched), *busy, *_contested(person), *_on_their_way()],
    }


def without(person: Person, value: Any) -> Any:
    """Return a JSON value in which texts that name the person are replaced and keys that name them are left out."""
    if isinstance(value, str):
        return ERASED if person.is_named_in(value) else value
    if isinstance(value, list):
        return [without(person, item) for item in value]
    if isinstance(value, dict):
        named = {key for key in value if "@" in key and person.is_named_in(key)}
        return {key: without(person, item) for key, item in value.items() if key not in named}
    return value


def _columns_without(person: Person, names: list[str]) -> list[str]:
    """Replace columns that name the person: without a header, a file's columns are its first record's values."""
    return [ERASED if "@" in name and person.is_named_in(name) else name for name in names]


def _cleaned(person: Person, name: str, value: Any) -> Any:
    if name in ("columns", "ignored") and value is not None:
        return _columns_without(person, value)
    if name == "details":
        return {key: _cleaned(person, key, item) for key, item in value.items()}
    return without(person, value)


def _erase_records(person: Person, touched: set[int]) -> tuple[int, list[str]]:
    """Return how many records were erased, and a line for each job that is busy."""
    erased, busy = 0, []
    for job_id in list(_jobs_with(StagingRecord.objects.exclude(state=State.CONTESTED))):
        if not any(_pages_naming(job_id, person)):
            continue
        if not ledger.hold_job(job_id):
            busy.append(
                f"rejected records of job {job_id}, which is running or being replayed; "
                "run the command again afterwards"
            )
            continue
        try:
            number = _erase_records_of(job_id, person)
        finally:
            ledger.let_job_go(job_id)
        touched.add(job_id)
        ledger.log(
            job_id, LogEvent.PERSON_ERASED, f"{number:,} rejected records erased, because they named a person"
        )
        erased += number
    return erased, busy


def _jobs_with(records: Any) -> Any:
    jobs = DataImportJob.objects.filter(Exists(records.filter(job=OuterRef("pk"))))
    return jobs.order_by("pk").values_list("pk", flat=True)


def _pages_naming(job_id: int, person: Person) -> Iterator[list[StagingRecord]]:
    """Yield the job's records that name the person, page by page. Empty pages are left out."""
    rows = StagingRecord.objects.filter(job=job_id).exclude(state=State.CONTESTED)
    for page in pages_that_may_name(rows, person, "raw", "errors", size=RECORDS_PAGE):
        if named := [r for r in page if person.is_quoted_in(r.raw) or _quotes(r.errors, person)]:
            yield named


def _erase_records_of(job_id: int, person: Person) -> int:
    erased = 0
    for named in _pages_naming(job_id, person):
        for record in named:
            _erase_record(record, person)
        ledger.update_records(named, ["raw", "errors", "state", "updated_at"])
        erased += len(named)
    return erased


def _quotes(errors: list[dict[str, Any]], person: Person) -> bool:
    """Tell whether a reason names the person: in its message or value, or in its field as in a key. Codes do not."""
    return any(
        person.is_quoted_in([error["message"], error["value"], {error["field"]: ""}]) for error in errors
    )


def _erase_record(record: StagingRecord, person: Person) -> None:
    """Erase a record but keep its row, so that the report still counts it. A replayed one stays replayed."""
    now = timezone.now()
    record.raw = {ERASED_MARK: now.date().isoformat()}
    record.errors = [
        {"field": field, "code": error["code"], "message": ERASED, "value": None}
        for error in record.errors
        for field in _columns_without(person, [error["field"]])
    ]
    record.updated_at = now
    if record.state != State.REPLAYED:
        record.state = State.DISCARDED


def _erase_images(person: Person, touched: set[int]) -> int:
    """Delete before-images that name the person: undo then leaves these rows as they are."""
    deleted = 0
    for page in pages_that_may_name(BeforeImage.objects.all(), person, "row", size=RECORDS_PAGE):
        named = [image for image in page if person.is_quoted_in(image.row)]
        touched.update(image.job_id for image in named)
        deleted += ledger.delete_rows(BeforeImage, [image.pk for image in named])
    return deleted


def _erase_drafts(person: Person) -> int:
    """Delete drafts whose samples or choices name the person. Their uploads stay, as other uploads do."""
    deleted = 0
    columns = ("guess", "options", "checked")
    for page in pages_that_may_name(ImportDraft.objects.all(), person, *columns, size=RECORDS_PAGE):
        named = [draft for draft in page if person.is_quoted_in([getattr(draft, name) for name in columns])]
        deleted += ImportDraft.objects.filter(pk__in=[draft.pk for draft in named]).delete()[0]
    return deleted


def _erase_log(person: Person, touched: set[int]) -> int:
    return _clean(MigrationLog.objects.all(), person, ("reason", "details"), touched)


def _erase_jobs(person: Person, touched: set[int]) -> int:
    jobs = DataImportJob.objects.defer("contested")
    return _clean(jobs, person, ("name", "error", "columns", "options", "result", "proposal"), touched)


def _erase_chunks(person: Person, touched: set[int]) -> int:
    """Clean errors of chunks, and the keys of completed jobs' ranges: no run resumes from those."""
    chunks = ImportChunk.objects.all()
    done = chunks.filter(job__status=DataImportJob.Status.COMPLETED)
    keys = ("start_key", "end_key", "committed_key")
    return _clean(chunks, person, ("last_error",), touched) + _clean(done, person, keys, touched)


def _clean(rows: Any, person: Person, columns: tuple[str, ...], touched: set[int]) -> int:
    """Replace what names the person in these columns, and return the number of changed rows."""
    changed = 0
    for page in pages_that_may_name(rows, person, *columns, size=PAGE):
        for row in page:
            old = {name: getattr(row, name) for name in columns}
            new = {name: _cleaned(person, name, value) for name, value in old.items()}
            if new != old:
                touched.add(row.pk if isinstance(row, DataImportJob) else row.job_id)
                changed += rows.model.objects.filter(pk=row.pk).update(**new)
    return changed


def _contested(person: Person) -> Iterator[str]:
    """Describe contested records: they have no fate yet and will be written when the job finishes."""
    records = StagingRecord.objects.filter(state=State.CONTESTED)
    pages = pages_that_may_name(records, person, "raw", size=RECORDS_PAGE)
    numbers = Counter(r.job_id for page in pages for r in page if person.is_quoted_in(r.raw))
    for job_id, number in sorted(numbers.items()):
        yield f"{number:,} records of job {job_id}; finish or delete the job, then run the command again"


def _on_their_way() -> Iterator[str]:
    """Describe jobs whose records are in a table of the job's own, which is not searched."""
    begun = Q(options__has_key="gathered") | Q(options__has_key="fresh")
    unfinished = DataImportJob.objects.filter(begun).exclude(status=DataImportJob.Status.COMPLETED)
    for job in unfinished.defer("contested").order_by("pk"):
        if job.unfinished_load:
            yield (
                f"what job {job.pk} has read: it {job.unfinished_load}; run it to its end, then run the command again"
            )


def _stays_of(user: Any, touched: set[int]) -> Iterator[str]:
    """Describe sources that hold the person, or may: files are not rewritten."""
    yield from _shortened(_sources(user, touched))
    how_long = (
        "for ever" if conf.UPLOAD_DAYS is None else f"for {conf.UPLOAD_DAYS} days after the end of their jobs"
    )
    yield f"other uploads, which are not searched: they are kept {how_long}"
    yield "other sources of imports (files under the source roots, objects, tables), and copies in spool folders"
    yield "records that imports have written: the apps of their models erase them"
    if created := DataImportJob.objects.filter(created_by=user.pk).count():
        yield f"{created:,} jobs that they created; the link to them goes with the account"


def _sources(user: Any, touched: set[int]) -> Iterator[str]:
    person = Person.of(user)
    pages = pages_that_may_name(
        DataImportJob.objects.defer("contested"), person, "source", "parts", size=PAGE
    )
    in_name = {
        job.pk
        for page in pages
        for job in page
        if any(_has_in_name(name, person) for name in sources_of(job))
    }
    for job in DataImportJob.objects.filter(pk__in=touched | in_name).defer("contested").order_by("pk"):
        why = "holds them" if job.pk in touched else "has them in its name"
        yield f'the source "{job.source}" of job {job.pk}, which {why}'


def _has_in_name(source: str, person: Person) -> bool:
    """Tell whether a source's name has the person's, without its ending (".csv" would look like a longer address).

    Names of uploads lack the "@".
    """
    stem = source.replace("/", " ").rpartition(".")[0] or source
    upload_names = (get_valid_filename(name) for name in person.names if "@" in name)
    return person.is_named_in(stem) or any(name in source.lower() for name in upload_names)


def _shortened(lines: Iterable[str]) -> Iterator[str]:
    every_line = list(lines)
    yield from every_line[:MOST_LINES]
    if len(every_line) > MOST_LINES:
        yield f"{len(every_line) - MOST_LINES:,} other sources that hold them"
