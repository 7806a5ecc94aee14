"""Runs from Python: thresholds, stops, memory, signals, and what a run leaves behind."""

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.config import Config
from django.core.management import CommandError, call_command

from importer import batch_committed, import_finished, import_started, run_import
from importer.executors.process import orders
from importer.models import DataImportJob, ImportChunk, MigrationLog
from importer.run.results import Progress
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company, Contact

pytestmark = pytest.mark.django_db(transaction=True)
SMALL_BATCHES = {"BATCH_SIZE_MIN": 10, "BATCH_SIZE_INITIAL": 10, "BATCH_SIZE_MAX": 10}


def companies(number: int, *, bad_from: int = 10**9) -> str:
    rows = [f"{'far-too-long-a-code' if n >= bad_from else f'C{n}'},Company {n}\n" for n in range(number)]
    return "code,name\n" + "".join(rows)


def test_past_the_threshold_the_job_fails_and_the_same_command_goes_on(
    importing: Importing, settings: Any
) -> None:
    settings.IMPORTER |= SMALL_BATCHES

    job, result = importing("companies", companies(100, bad_from=50), max_errors=15)

    assert (result.status, result.inserted, result.rejected) == ("failed", 50, 20)
    assert "20 records were rejected, more than the 15 allowed" in result.reason
    again = run_import(job, max_errors=30)
    assert (again.status, again.read, again.rejected) == ("completed", 100, 50)


def test_a_worker_process_gets_settings_that_are_no_json_from_the_sites_own(settings: Any) -> None:
    client = Config(connect_timeout=1)
    settings.IMPORTER = {"SOURCE_ROOTS": [Path("/srv")], "LEASE_SECONDS": 7, "S3": {"client_config": client}}

    told = orders(1)

    assert json.loads(json.dumps(told)) == told
    assert told["importer"] == {"SOURCE_ROOTS": ["/srv"], "LEASE_SECONDS": 7}
    assert told["importer_as_in_settings"] == ["S3"]


def test_an_error_rate_counts_at_the_end_of_a_small_source(importing: Importing) -> None:
    _, result = importing("companies", companies(100, bad_from=90), max_error_rate=0.05)

    assert result.status == "failed"
    assert "10.00% of the records were rejected, more than the 5.00% allowed" in result.reason
    assert Company.objects.count() == 90


def test_a_job_that_is_asked_to_stop_stops_after_the_batch_in_hand(
    importing: Importing, settings: Any
) -> None:
    settings.IMPORTER |= SMALL_BATCHES

    def ask(progress: Progress) -> None:
        DataImportJob.objects.filter(pk=progress.job).update(stop_requested=True)

    job, result = importing("companies", companies(100), on_progress=ask)

    assert (job.status, result.status, result.inserted) == ("stopped", "stopped", 20)
    assert run_import(job).inserted == 100


def workers_that_saw_it_first(run: Any) -> None:
    """An executor whose workers have read in the ledger that the job is to stop, and are gone before the run looks."""
    DataImportJob.objects.filter(pk=run.job.pk).update(stop_requested=True)


def test_workers_may_see_before_the_run_does_that_the_job_is_to_stop(
    importing: Importing, settings: Any
) -> None:
    settings.IMPORTER |= {"EXECUTORS": {"early": f"{__name__}.workers_that_saw_it_first"}}

    job, result = importing("companies", companies(10), executor="early")

    assert (job.status, result.status, result.reason) == ("stopped", "stopped", "")


def test_signals_tell_of_each_batch(importing: Importing, settings: Any) -> None:
    settings.IMPORTER |= SMALL_BATCHES
    told: list[str] = []

    def started(**_: Any) -> None:
        told.append("started")

    def committed(counts: Any, **_: Any) -> None:
        told.append(f"+{counts.inserted}")

    def finished(result: Any, **_: Any) -> None:
        told.append(result.status)

    import_started.connect(started)
    batch_committed.connect(committed)
    import_finished.connect(finished)

    importing("companies", companies(25))

    assert told == ["started", "+10", "+10", "+5", "completed"]


def test_a_dry_run_counts_exactly_and_leaves_nothing(importing: Importing, settings: Any) -> None:
    settings.IMPORTER |= SMALL_BATCHES
    header = "legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance\n"
    importing("contacts", header + "1,a@example.com,Ann,user,,,1\n")

    job, result = importing(
        "contacts",
        header + "1,a@example.com,Bob,user,,,1\n" + "2,b@example.com,,user,,,1\n" * 20,
        dry_run=True,
    )

    assert (result.status, result.inserted, result.updated, result.unchanged) == ("dry-run", 1, 1, 19)
    assert (job.status, job.planned_at, Contact.objects.count()) == ("pending", None, 1)
    assert not ImportChunk.objects.filter(job=job).exists()
    assert run_import(job).inserted == 1


def test_short_memory_makes_batches_small(importing: Importing, settings: Any) -> None:
    settings.IMPORTER |= {"MEMORY_THRESHOLD_MB": 1, "BATCH_SIZE_INITIAL": 400, "BATCH_SIZE_MAX": 400}

    job, result = importing("companies", companies(3000))

    assert result.status == "completed"
    entries = MigrationLog.objects.filter(job=job, event="batch_size").order_by("id")
    assert [(entry.reason, entry.details["after"]) for entry in entries] == [
        ("memory is short", 200),
        ("memory is short", 100),
    ]


def test_every_step_of_a_job_is_logged(importing: Importing) -> None:
    job, _ = importing("companies", companies(3))

    events = list(MigrationLog.objects.filter(job=job).order_by("id").values_list("event", flat=True))
    assert [event for event in events if event != "batch_size"] == [
        "created", "started", "planned", "executing", "completed",
    ]  # fmt: skip


def test_workers_in_processes_do_the_same(importing: Importing, settings: Any) -> None:
    settings.IMPORTER |= {"CHUNK_BYTES": 2_000}

    job, result = importing("companies", companies(1000, bad_from=990), workers=2)

    assert (result.status, result.inserted, result.rejected) == ("completed", 990, 10)
    assert job.chunks.count() > 5


def test_who_stood_by_for_a_survey_that_wants_one_worker_is_dismissed(importing: Importing) -> None:
    text = "code,name\n" + "".join(f"C{number % 1_200},x\n" for number in range(2_400))

    job, result = importing("companies", text, workers=2)

    assert (result.status, result.inserted, result.rejected) == ("completed", 1_200, 1_200)
    told = dict(MigrationLog.objects.filter(job=job).values_list("event", "reason"))
    assert told["survey"] == "one worker takes the records in order, because keys repeat too often"
    assert told["executing"] == "process, 1 workers"
    assert not [
        child for child in psutil.Process().children() if "worker_process" in " ".join(child.cmdline())
    ]


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_defect_is_one_line_for_a_person_and_a_traceback_in_the_audit_trail(
    importing: Importing, caplog: pytest.LogCaptureFixture, dry_run: bool
) -> None:
    """A dry run ended with the traceback itself; and without LOGGING, logged ones reached standard error."""

    def broken(**kwargs: Any) -> None:
        raise LookupError("no\nluck\x1b[2J")

    batch_committed.connect(broken)
    try:
        job, result = importing("companies", "code,name\nA,Ay\n", dry_run=dry_run)
    finally:
        batch_committed.disconnect(broken)

    assert (result.status, result.reason) == ("failed", "Unexpected LookupError: no")
    entry = MigrationLog.objects.get(job=job, event="dry_run_failed" if dry_run else "failed")
    assert "in broken" in entry.details["traceback"]
    assert "\x1b" not in entry.details["traceback"]
    assert [record.levelname for record in caplog.records if record.levelno >= logging.INFO] == []


def test_what_stands_in_the_source_does_not_drive_the_terminal(
    importing: Importing, capsys: pytest.CaptureFixture[str]
) -> None:
    job, _ = importing("everything", "char,integer,grade\na,\x1b[2J\x9b31m,\u202e1\n")

    call_command("import_report", str(job.pk))

    out = capsys.readouterr().out
    assert r"\x1b[2J\x9b31m" in out
    assert r"\u202e1" in out
    assert not {"\x1b", "\x9b", "\u202e"} & set(out)


def test_a_dry_run_past_a_threshold_says_what_it_met(importing: Importing) -> None:
    """It pointed to a report that is empty, as all was rolled back."""
    _, result = importing("companies", companies(20, bad_from=10), dry_run=True, max_errors=5)

    assert result.status == "failed"
    assert "most often code: max_length, as in line 12: " in result.reason
    assert "import_report" not in result.reason


def test_a_packed_source_is_named_and_not_its_spool(importing: Importing) -> None:
    _, result = importing("companies", gzip.compress(b"code,code\nA,B\n"), name="packed.csv.gz")

    assert (result.status, result.reason) == (
        "failed",
        'The header of "packed.csv.gz" has the column "code" more than once; rename one.',
    )


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        ("source.csv", {"name": "n" * 201}, "has 201 characters; use at most 200"),
        ("source.csv", {"format": "table"}, 'is a file; its format cannot be "table"'),
        ("db:default/t", {"format": "csv"}, 'is a table; its format cannot be "csv"'),
    ],
)
def test_options_that_do_not_fit_the_source_are_refused_at_once(
    folder: Path, source: str, options: dict[str, str], reason: str
) -> None:
    """The first was a traceback, the others failed in the run."""
    (folder / "source.csv").write_text("code,name\n")
    where = source if source.startswith("db:") else str(folder / source)

    with pytest.raises(CommandError, match=reason) as refusal:
        call_command("create_import", "companies", where, **options)

    assert refusal.value.returncode == 2


def test_a_site_without_the_executor_for_processes_runs_one_worker(
    importing: Importing, settings: Any
) -> None:
    settings.IMPORTER |= {
        "CHUNK_BYTES": 2_000,
        "EXECUTORS": {"inline": "importer.executors.inline.execute"},
    }

    _, result = importing("companies", companies(1000), executor=None, workers=2)

    assert (result.status, result.inserted) == ("completed", 1000)


def test_processes_that_got_ready_for_a_refused_source_are_ended(importing: Importing) -> None:
    before = {child.pid for child in psutil.Process().children()}

    _, result = importing("companies", "code,code\nA,B\n", workers=2)

    assert result.status == "failed"
    assert "code" in result.reason
    assert {child.pid for child in psutil.Process().children()} <= before
