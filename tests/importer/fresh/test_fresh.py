"""An empty table that is loaded through a bare copy becomes the table that an ordinary import makes."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import connection, models, transaction

from importer import ImportResult, run_import
from importer.jobs import create_job
from importer.models import DataImportJob, StagingRecord
from importer.rejects.report import make_report
from importer.run.results import Progress
from importer.specs.registry import temporarily
from importer.work.control import Control
from tests.importer.real_tables.legacy import Filled, Legacy, Record, as_csv, changed, execute, legacy

pytestmark = pytest.mark.django_db(transaction=True)

MEETING: list[Record] = [
    {"a": "1", "b": "x"}, {"a": "1", "b": "y"}, {"a": "2", "b": "y"}, {"a": "3", "b": "x"}, {"a": "4", "b": "Y"},
    {"a": "", "b": ""}, {"a": "", "b": ""}, {"a": "5", "b": "z"}, {"a": "5", "b": "y"}, {"a": "6", "b": "z"},
    {"a": "7", "b": "bad"}, {"a": "7", "b": "q"}, {"a": "x", "b": "q"}, {"a": "3", "b": ""}, {"a": "8", "b": "Z"},
]  # fmt: skip
FIELDS: dict[str, Any] = {
    "a": models.IntegerField(null=True, blank=True),
    "b": models.TextField(null=True, blank=True),
}
UNIQUE: dict[str, Any] = {
    "a": models.IntegerField(null=True, blank=True, unique=True),
    "b": models.TextField(null=True, blank=True, unique=True),
}
SETS = {
    "two": "CREATE UNIQUE INDEX ON legacy (a); CREATE UNIQUE INDEX ON legacy (b)",
    "functional": "CREATE UNIQUE INDEX ON legacy (lower(b))",
    "conditional": "CREATE UNIQUE INDEX ON legacy (a) WHERE b = 'y' OR b = 'z'",
    "nulls are equal": "CREATE UNIQUE INDEX ON legacy (a, b) NULLS NOT DISTINCT",
    "including": "CREATE UNIQUE INDEX ON legacy (b DESC) INCLUDE (a)",
    "collation": 'CREATE UNIQUE INDEX ON legacy (b COLLATE "C")',
    "deferred": "ALTER TABLE legacy ADD UNIQUE (b) DEFERRABLE INITIALLY DEFERRED",
    "parent": "CREATE TABLE parent (a int PRIMARY KEY); INSERT INTO parent VALUES (1), (3), (5), (8); "
    "ALTER TABLE legacy ADD FOREIGN KEY (a) REFERENCES parent; CREATE UNIQUE INDEX ON legacy (b)",
    "none": "SELECT 1",
}
WAITING = """
SELECT 1 FROM pg_locks
WHERE relation = 'legacy'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted
"""
TABLE = "CREATE TABLE legacy (id bigserial PRIMARY KEY, a int, b text CHECK (b <> 'bad'))"


@pytest.fixture(autouse=True)
def _tiny_pieces(folder: Path, settings: Any) -> None:
    settings.IMPORTER |= {"CHUNK_BYTES": 12}
    settings.IMPORTER |= dict.fromkeys(("BATCH_SIZE_INITIAL", "BATCH_SIZE_MIN", "BATCH_SIZE_MAX"), 3)


def without_id(filled: Filled) -> tuple[list[str], dict[int, str]]:
    """Numbers that records drew before they were rejected leave gaps in both ways, but not the same ones."""
    return sorted(row.partition(",")[2] for row in filled.rows), filled.rejected


def counts(result: ImportResult) -> tuple[int, ...]:
    return result.read, result.inserted, result.updated, result.unchanged, result.skipped, result.rejected


@pytest.fixture
def parent() -> Iterator[None]:
    with changed("SELECT 1", "DROP TABLE IF EXISTS parent CASCADE"):
        yield


@pytest.mark.parametrize("batch", [3, *(pytest.param(batch, marks=pytest.mark.long) for batch in (1, 1000))])
@pytest.mark.parametrize("name", SETS)
def test_records_that_meet_are_decided_as_in_order(
    folder: Path, settings: Any, parent: None, name: str, batch: int
) -> None:
    settings.IMPORTER |= dict.fromkeys(("BATCH_SIZE_INITIAL", "BATCH_SIZE_MIN", "BATCH_SIZE_MAX"), batch)
    with legacy(f"{TABLE}; {SETS[name]}", **FIELDS) as table:
        ordinary = table.by_import(MEETING, folder)
        execute("DROP TABLE IF EXISTS parent CASCADE")
        table.make_anew()
        fresh = table.by_import(MEETING, folder, fresh=True)

        assert without_id(fresh) == without_id(ordinary)
        assert len(fresh.rejected) > 1


@pytest.mark.parametrize("on_conflict", ["reject", "skip", "update"])
@pytest.mark.parametrize(
    ("key", "name"),
    [
        (("a",), "two"),
        (("b",), "parent"),
        *(
            pytest.param(key, name, marks=pytest.mark.long)
            for key in (("a",), ("a", "b"), ("b",))
            for name in ("two", "nulls are equal", "parent", "none")
            if (key, name) not in ((("a",), "two"), (("b",), "parent"))
        ),
    ],
)
def test_a_key_decides_as_in_order(
    folder: Path, parent: None, name: str, on_conflict: str, key: tuple[str, ...]
) -> None:
    def imported(**options: Any) -> tuple[Any, ...]:
        execute("DROP TABLE IF EXISTS parent CASCADE")
        table.make_anew()
        result = table.run(MEETING, folder, on_conflict=on_conflict, **options)
        assert result.status == "completed", result
        rejected = StagingRecord.objects.filter(job=result.job).order_by("line")
        rows = sorted(row.partition(",")[2] for row in table.rows())
        notes = make_report(DataImportJob.objects.get(pk=result.job)).notes
        # Which of two constraints is named depends on the batch as well.
        reasons = [(record.line, record.raw, record.errors[0]["code"]) for record in rejected]
        return rows, counts(result), reasons, [note for note in notes if "key" in note]

    # An update that releases a value is decided in order only if the model knows that the value is unique.
    fields = UNIQUE if name == "two" else FIELDS
    with legacy(f"{TABLE}; {SETS[name]}", key=key, **fields) as table:
        assert imported(fresh=True) == imported()


def write_csv(path: Path) -> str:
    path.with_suffix(".csv").write_text(as_csv(MEETING))
    return str(path.with_suffix(".csv"))


def write_files(path: Path) -> str:
    for number in range(5):
        path.with_name(f"part-{number}.csv").write_text(as_csv(MEETING[3 * number : 3 * number + 3]))
    return str(path.with_name("part-*.csv"))


def write_json_array(path: Path) -> str:
    path.with_suffix(".json").write_text(json.dumps(MEETING))
    return str(path.with_suffix(".json"))


def write_json_lines(path: Path) -> str:
    path.with_suffix(".jsonl").write_text("\n".join(map(json.dumps, MEETING)))
    return str(path.with_suffix(".jsonl"))


def write_parquet(path: Path) -> str:
    pl.DataFrame(MEETING).write_parquet(path.with_suffix(".parquet"), row_group_size=4)
    return str(path.with_suffix(".parquet"))


def write_table(path: Path) -> str:
    execute("DROP TABLE IF EXISTS source; CREATE TABLE source (number int PRIMARY KEY, a text, b text)")
    for number, record in enumerate(MEETING):
        execute(f"INSERT INTO source VALUES ({number}, '{record['a']}', '{record['b']}')")
    return "db:default/source"


@pytest.mark.parametrize(
    "write", [write_csv, write_files, write_json_array, write_json_lines, write_parquet, write_table]
)
def test_every_format_finds_its_records_again(folder: Path, write: Callable[[Path], str]) -> None:
    with legacy(f"{TABLE}; {SETS['two']}", **FIELDS) as table, temporarily(table.spec("reject")):
        source, found = write(folder / "records"), []
        for fresh in (True, False):
            table.make_anew()
            result = run_import(create_job("legacy", source), executor="inline", fresh=fresh)
            assert result.status == "completed", result
            rejected = StagingRecord.objects.filter(job=result.job).order_by("line")
            reasons = [(record.line, record.raw, record.errors[0]["code"]) for record in rejected]
            found.append((without_id(Filled(table.rows()))[0], counts(result), reasons))

        assert found[0] == found[1]
        assert len(found[0][2]) > 5
    execute("DROP TABLE IF EXISTS source")


def test_many_batches_and_chunks(folder: Path, settings: Any) -> None:
    settings.IMPORTER |= {"CHUNK_BYTES": 2_000}
    settings.IMPORTER |= dict.fromkeys(("BATCH_SIZE_INITIAL", "BATCH_SIZE_MIN", "BATCH_SIZE_MAX"), 70)
    records = [{"a": str(number % 900), "b": f"b{number}"} for number in range(1_000)]
    with legacy(f"{TABLE}; {SETS['two']}", **FIELDS) as table:
        ordinary = table.by_import(records, folder)
        table.make_anew()
        fresh = table.by_import(records, folder, fresh=True)

        assert without_id(fresh) == without_id(ordinary)
        assert len(fresh.rows) == 900


def stopped_job(table: Legacy, folder: Path) -> DataImportJob:
    """Begin a job with --fresh and stop it after its first batch."""
    source = folder / "records.csv"
    source.write_text(as_csv(MEETING))
    job, control = create_job("legacy", str(source)), Control()

    def stop(progress: Progress) -> None:
        control.stop()

    result = run_import(job, fresh=True, executor="inline", on_progress=stop, control=control)
    assert result.status == "stopped"
    assert 0 < result.read < len(MEETING)
    return job


def test_until_it_is_done_nobody_sees_a_row(folder: Path) -> None:
    with legacy(f"{TABLE}; {SETS['two']}", **FIELDS) as table, temporarily(table.spec("reject")):
        ordinary = table.by_import(MEETING, folder)
        table.make_anew()
        job = stopped_job(table, folder)

        assert table.rows() == []
        assert any("in a copy of the table" in note for note in make_report(job).notes)
        assert run_import(job, executor="inline").status == "completed"  # without saying --fresh again
        assert without_id(Filled(table.rows())) == (without_id(ordinary)[0], {})
        assert not any("in a copy of the table" in note for note in make_report(job).notes)


def test_rows_that_somebody_wrote_meanwhile_are_not_lost(folder: Path) -> None:
    with legacy(TABLE, **FIELDS) as table, temporarily(table.spec("reject")):
        job = stopped_job(table, folder)
        execute("INSERT INTO legacy (a) VALUES (99)")

        result = run_import(job, executor="inline")

        assert result.status == "failed"
        assert 'The table "legacy" is not empty any more' in result.reason
        assert len(table.rows()) == 1
        execute("DELETE FROM legacy")
        assert run_import(job, executor="inline").status == "completed"


def test_a_long_reader_is_waited_for_and_does_not_hold_up_others(folder: Path) -> None:
    """A reader that comes while the run waits for its lock must not queue behind it."""
    with legacy(TABLE, **FIELDS) as table, temporarily(table.spec("reject")):
        job = stopped_job(table, folder)
        reads, asked, passed = threading.Event(), threading.Event(), threading.Event()
        was_passed = list[bool]()

        def read_for_long() -> None:
            with transaction.atomic():
                execute("SELECT count(*) FROM legacy")
                reads.set()
                while not execute(WAITING):
                    time.sleep(0.02)
                asked.set()
                was_passed.append(passed.wait(30))
            connection.close()

        def read_shortly() -> None:
            asked.wait()
            execute("SELECT count(*) FROM legacy")
            passed.set()
            connection.close()

        threads = [threading.Thread(target=target) for target in (read_for_long, read_shortly)]
        for thread in threads:
            thread.start()
        reads.wait()
        result = run_import(job, executor="inline")
        for thread in threads:
            thread.join()

        assert result.status == "completed"
        assert was_passed == [True]


def test_a_table_that_changed_meanwhile_keeps_what_it_became(folder: Path) -> None:
    with legacy(TABLE, **FIELDS) as table, temporarily(table.spec("reject")):
        job = stopped_job(table, folder)
        execute("ALTER TABLE legacy ADD COLUMN c int")

        result = run_import(job, executor="inline")

        assert result.status == "failed"
        assert 'The table "legacy" has changed since --fresh began' in result.reason
        assert execute("SELECT count(c) FROM legacy") == [(0,)]
        execute("ALTER TABLE legacy DROP COLUMN c")
        assert run_import(job, executor="inline").status == "completed"


def test_a_job_that_has_begun_goes_on_as_it_began(folder: Path) -> None:
    with legacy(TABLE, **FIELDS) as table, temporarily(table.spec("reject")):
        job = stopped_job(table, folder)

        assert run_import(job, dry_run=True).reason.startswith(f"The job {job.pk} has begun with --fresh")
        other = run_import(create_job("legacy", job.source), fresh=True)
        assert f"`DROP SCHEMA importer_fresh_{job.pk} CASCADE`" in other.reason
        execute(f"DROP SCHEMA importer_fresh_{job.pk} CASCADE")


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX ON legacy ((10 / a))",
        "CREATE UNIQUE INDEX ON legacy ((10 / a), b)",
        "CREATE INDEX ON legacy (b)",
        "ALTER TABLE legacy ADD FOREIGN KEY (a, b) REFERENCES parent (x, y) MATCH FULL",
    ],
)
def test_a_record_that_no_index_takes_is_found_in_the_ordinary_way(
    folder: Path, parent: None, sql: str
) -> None:
    # Compressed, the letters would be short enough for an index.
    long = "".join(sha256(str(number).encode()).hexdigest() for number in range(300))
    values = [("1", "x"), ("0", "y"), ("2", ""), ("5", long), ("", "")]
    records = [{"a": a, "b": b} for a, b in values]
    execute("CREATE TABLE parent (x int, y text, UNIQUE (x, y))")
    with legacy(f"{TABLE}; {sql}", **FIELDS) as table:
        ordinary = table.by_import(records, folder)
        table.make_anew()
        notes: list[str] = []
        fresh = table.by_import(records, folder, fresh=True, on_note=notes.append)

        assert without_id(fresh) == without_id(ordinary)
        assert fresh.rejected
        assert any(note.startswith("The load through a copy was given up, because ") for note in notes)
        assert not execute("SELECT 1 FROM pg_namespace WHERE nspname LIKE 'importer_fresh%'")


def test_a_table_whose_name_has_everything(folder: Path) -> None:
    name = '"my ""odd schema"."a table. 100% its own"'
    fields = {"code": models.TextField(unique=True), "n": models.IntegerField()}
    sql = (
        'CREATE SCHEMA IF NOT EXISTS "my ""odd schema"; '
        f"DROP TABLE IF EXISTS {name}; CREATE TABLE {name} (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        'code text CONSTRAINT "one % ""code""" UNIQUE, n int)'
    )
    undo = 'DROP SCHEMA IF EXISTS "my ""odd schema" CASCADE'
    with legacy("CREATE TABLE legacy ()", **fields) as table, changed(sql, undo):
        table.model._meta.db_table = name
        filled = table.by_import([{"code": f"C{n}", "n": str(n)} for n in range(9)], folder, fresh=True)

        assert len(filled.rows) == 9
        assert execute(f"INSERT INTO {name} (code) VALUES ('Z') RETURNING id") == [(10,)]
