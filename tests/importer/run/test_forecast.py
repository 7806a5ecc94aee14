"""A forecast says what a job is going to take, and writes nothing."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import models

from importer import run_import
from importer.jobs import create_job
from importer.models import DataImportJob, StagingRecord
from importer.run.results import Progress
from importer.specs.registry import temporarily
from importer.work.control import Control
from tests.importer.real_tables.legacy import as_csv, execute, legacy

pytestmark = pytest.mark.django_db(transaction=True)

TABLE = "CREATE TABLE legacy (id bigserial PRIMARY KEY, code int UNIQUE, name text)"
FIELDS: dict[str, Any] = {"code": models.IntegerField(unique=True), "name": models.CharField(max_length=9)}
# Every tenth name is too long, and lines grow, so that a sample of the beginning alone would be wrong.
RECORDS = [{"code": str(n), "name": "much too long" if n % 10 == 0 else f"n{n}"} for n in range(3_000)]


def forecast(job: DataImportJob, *options: str) -> str:
    out = io.StringIO()
    call_command("run_import", str(job.pk), "--forecast", *options, stdout=out)
    return out.getvalue()


@pytest.fixture
def source(folder: Path, settings: Any) -> Path:
    settings.IMPORTER |= {"CHUNK_BYTES": 1_000}
    path = folder / "records.csv"
    path.write_text(as_csv(RECORDS))
    return path


def test_a_sample_tells_the_whole(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importer.run.forecast.RECORDS", 400)
    with legacy(TABLE, **FIELDS) as table, temporarily(table.spec("reject")):
        job = create_job("legacy", str(source))

        found = json.loads(forecast(job, "--json"))

        assert 200 < found["sampled"]["read"] <= 400
        assert not found["is_exact"]
        assert found["records"] == pytest.approx(3_000, rel=0.1)
        assert found["rejected"] == pytest.approx(300, rel=0.3)
        assert found["seconds"] > 0
        assert found["disk_bytes"] > 0
        assert found["wal_bytes"] > 0
        assert [(family["field"], family["code"]) for family in found["families"]] == [("name", "max_length")]
        assert [sentence.partition(":")[0] for sentence in found["advice"]] == [
            f"{found['sampled']['rejected'] / found['sampled']['read']:.1%} of the sample are rejected",
            "the table is empty",
        ]


def test_nothing_is_written_and_the_job_runs_as_if_nobody_had_asked(source: Path, settings: Any) -> None:
    settings.IMPORTER |= {"CHUNK_BYTES": 10_000}
    with legacy(TABLE, **FIELDS) as table, temporarily(table.spec("reject")):
        job = create_job("legacy", str(source))

        said = forecast(job)

        assert said.startswith(
            f"Forecast of job {job.pk}, from a sample of 3,000 of 3,000 records; nothing was written\n"
        )
        assert "  rejected   about 300 records (10.0%)\n" in said
        assert (
            "name: max_length, as in line 2: Ensure this value has at most 9 characters (it has 13).\n"
            in said
        )
        assert table.rows() == []
        assert not StagingRecord.objects.filter(job=job).exists()
        job.refresh_from_db()
        assert (job.status, job.planned_at, job.chunks.count()) == ("pending", None, 0)
        result = run_import(job, executor="inline")
        assert (result.inserted, result.rejected) == (2_700, 300)


def test_of_a_job_that_has_begun_it_tells_the_rest(source: Path, settings: Any) -> None:
    settings.IMPORTER |= dict.fromkeys(("BATCH_SIZE_INITIAL", "BATCH_SIZE_MIN", "BATCH_SIZE_MAX"), 50)
    with legacy(TABLE, **FIELDS) as table, temporarily(table.spec("reject")):
        job, control = create_job("legacy", str(source)), Control()

        def stop(progress: Progress) -> None:
            if progress.counts.read > 1_500:
                control.stop()

        done = run_import(job, executor="inline", on_progress=stop, control=control).read
        found = json.loads(forecast(job, "--json"))

        assert found["records"] == pytest.approx(3_000 - done, rel=0.05)
        assert len(table.rows()) == execute("SELECT sum(inserted)::int FROM data_import_chunks")[0][0]
        run_import(job, executor="inline")
        with pytest.raises(CommandError, match=f"Job {job.pk} is completed; nothing is left to forecast"):
            forecast(job)


def test_a_defect_is_one_line_for_a_person(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importer.run.forecast.PLACES", None)
    with legacy(TABLE, **FIELDS) as table, temporarily(table.spec("reject")):
        job = create_job("legacy", str(source))
        with pytest.raises(CommandError, match="^Unexpected TypeError: "):
            forecast(job)


@pytest.mark.parametrize("other", ["--fresh", "--dry-run"])
def test_it_excludes_other_ways_to_run(other: str) -> None:
    with pytest.raises(CommandError, match="not allowed with argument"):
        call_command("run_import", "1", "--forecast", other)


def test_a_source_without_records_has_no_forecast(source: Path) -> None:
    source.write_text("code,name\n")
    with legacy(TABLE, **FIELDS) as table, temporarily(table.spec("reject")):
        job = create_job("legacy", str(source))
        with pytest.raises(CommandError, match="has no records left to import"):
            forecast(job)
