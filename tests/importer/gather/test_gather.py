"""Several workers that gather records make the table, and reject the records, of one that takes them in order."""

import random
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models

from importer import run_import
from importer.models import DataImportJob, MigrationLog, StagingRecord
from importer.privacy.erase import erase_user
from importer.rejects.report import make_report
from importer.specs.registry import temporarily
from importer.work.control import Control
from tests.importer.conftest import Importing
from tests.importer.real_tables.legacy import Legacy, Record, execute, legacy
from tests.importer.samples.order.models import Article
from tests.importer.ways import AS_MANY, as_csv, sizes

pytestmark = pytest.mark.django_db(transaction=True)
FATES = ("read", "inserted", "updated", "unchanged", "skipped", "rejected")
ROWS = "SELECT a, b, c FROM legacy ORDER BY 1, 2, 3"

# What keeps rows apart without the model's knowledge, so that no survey of texts could tell.
TABLES = {
    "an exclusion": "EXCLUDE USING gist (int4range(a, a + c, '[]') WITH &&)",
    "an exclusion with a condition": "EXCLUDE USING gist (int4range(a, a + c, '[]') WITH &&) WHERE (b <> 'x')",
    "nulls are equal": "UNIQUE NULLS NOT DISTINCT (c)",
    "two sets": "UNIQUE (b), UNIQUE (a, c)",
    "two texts": "); CREATE UNIQUE INDEX ON legacy (lower(b), (a % 5)",
    "a condition": "); CREATE UNIQUE INDEX ON legacy (b) WHERE (c > 1",
    "blanks at the end": "); ALTER TABLE legacy ALTER b TYPE char(3); CREATE UNIQUE INDEX ON legacy (b",
}
FIELDS: dict[str, Any] = {
    "a": models.IntegerField(),
    "b": models.CharField(max_length=3, blank=True),
    "c": models.IntegerField(null=True, blank=True),
}


def records_of(seed: int, number: int) -> list[Record]:
    randomness = random.Random(seed)
    return [
        {
            "a": str(randomness.randrange(12)) if randomness.random() > 0.02 else "no number",
            "b": randomness.choice(["x", "X", "y", "Y", "z", "é", "", "b"]),
            "c": randomness.choice(["", "0", "1", "2", "3"]),
        }
        for _ in range(number)
    ]


def fates(job: int) -> dict[str, int]:
    return dict(DataImportJob.objects.filter(pk=job).values(*FATES)[0])


def outcome(table: Legacy, records: list[Record], folder: Path, **options: Any) -> tuple[Any, ...]:
    result = table.run(records, folder, **options)
    assert result.status == "completed", result
    rejected = StagingRecord.objects.filter(job=result.job, state="rejected").order_by("line")
    events = set(MigrationLog.objects.filter(job=result.job).values_list("event", flat=True))
    assert ("gathered" in events) == ("workers" in options)
    assert not execute("SELECT 1 FROM pg_class WHERE relname LIKE 'importer_gathered%%'")
    rows = execute(ROWS)
    reasons = [(r.line, r.raw, [error["code"] for error in r.errors]) for r in rejected]
    return rows, reasons, fates(result.job)


BATCHES = [pytest.param(1, marks=pytest.mark.long), 7, pytest.param(10_000, marks=pytest.mark.long)]


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("on_conflict", ["reject", "skip", "update"])
@pytest.mark.parametrize("name", TABLES)
def test_records_that_meet_are_decided_as_in_order(
    folder: Path, settings: Any, *, name: str, on_conflict: str, batch: int
) -> None:
    if on_conflict == "update" and name.startswith("an exclusion"):
        pytest.skip("one worker takes these in order")
    key = () if on_conflict == "reject" else ("a",)
    unique = "UNIQUE" if key else ""
    columns = f"id serial PRIMARY KEY, a int NOT NULL {unique}, b varchar(3) NOT NULL, c int"
    sql = f"CREATE TABLE legacy ({columns}, {TABLES[name]})"
    with legacy(sql.replace(", )", ")"), key=key, **FIELDS) as table:
        for seed in range(2):
            before, records = records_of(seed, 8), records_of(seed + 100, 60)
            table.by_hand(before)
            table.by_hand(records, on_conflict=on_conflict)
            expected = execute(ROWS)
            found = []
            for options in ({}, AS_MANY):
                table.make_anew()
                table.by_hand(before)
                sizes(settings, batch)
                found.append(outcome(table, records, folder, on_conflict=on_conflict, **options))
                assert found[-1][0] == expected, (seed, options)
            assert found[1] == found[0], seed
            table.make_anew()


class Shouting(models.Model):
    """Its `clean()` changes what must be unique."""

    code = models.CharField(max_length=20, unique=True)
    size = models.IntegerField(default=0)

    class Meta:
        managed = False
        db_table = "legacy"
        app_label = "order"

    def clean(self) -> None:
        self.code = self.code.upper().strip("!")
        if self.size > 8:
            raise ValidationError({"size": "Too large."})
        if self.size == 7 and Shouting.objects.filter(code="NEVER").exists():
            self.code = "SEEN"


SHOUTING = (
    "CREATE TABLE legacy (id bigserial PRIMARY KEY, code varchar(20) UNIQUE NOT NULL, size int NOT NULL)"
)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("on_conflict", ["reject", "skip", "update"])
def test_a_clean_may_change_what_must_be_unique(
    folder: Path, settings: Any, *, on_conflict: str, batch: int
) -> None:
    randomness = random.Random(1)
    records = []
    for number in range(60):
        code = randomness.choice("aAbBcCdDeE!") + randomness.choice(["", "!", "x"])
        records.append({"code": code, "size": str(number % 10 if number % 10 != 7 else 1)})
    table = Legacy(
        Shouting,
        f"DROP TABLE IF EXISTS legacy CASCADE; {SHOUTING}",
        () if on_conflict == "reject" else ("code",),
    )
    found = []
    for options in ({}, AS_MANY):
        table.make_anew()
        sizes(settings, batch)
        result = table.run(records, folder, on_conflict=on_conflict, **options)
        assert result.status == "completed", result
        rejected = StagingRecord.objects.filter(job=result.job, state="rejected").order_by("line")
        rows = execute("SELECT code, size FROM legacy ORDER BY 1")
        found.append((rows, [(r.line, [e["code"] for e in r.errors]) for r in rejected], fates(result.job)))
    execute("DROP TABLE legacy")

    assert found[1] == found[0]


def test_a_clean_that_reads_its_table_is_for_one_worker(folder: Path, settings: Any) -> None:
    table = Legacy(Shouting, f"DROP TABLE IF EXISTS legacy CASCADE; {SHOUTING}", ())
    table.make_anew()
    sizes(settings, 7)
    records = [{"code": f"c{n}", "size": "7" if n == 40 else "1"} for n in range(50)]
    notes: list[str] = []

    result = table.run(records, folder, on_note=notes.append, **AS_MANY)

    assert (result.status, result.read, result.inserted) == ("completed", 50, 50)
    assert execute("SELECT count(*) FROM legacy") == [(50,)]
    assert [note for note in notes if "reads the table itself" in note]
    assert not execute("SELECT 1 FROM pg_class WHERE relname LIKE 'importer_gathered%%'")
    execute("DROP TABLE legacy")


def test_keys_that_repeat_too_often_are_for_one_worker(folder: Path, settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("importer.gather.gather.FEW", 3)
    sql = "CREATE TABLE legacy (id serial PRIMARY KEY, a int NOT NULL, b varchar(3) NOT NULL, c int, UNIQUE (c))"
    with legacy(sql, key=("a",), **FIELDS) as table:
        sizes(settings, 7)
        records = records_of(1, 60)
        expected = outcome(table, records, folder, on_conflict="update")
        table.make_anew()
        notes: list[str] = []

        found = outcome(table, records, folder, on_conflict="update", on_note=notes.append, **AS_MANY)

    assert found == expected
    assert any("keys repeat too often" in note for note in notes)


def test_a_clean_sees_the_row_that_it_changes(importing: Importing, settings: Any) -> None:
    records = [
        {"code": f"c{n % 30}", "title": "reset" if n > 20 else "new", "views": str(n * 5), "data": ""}
        for n in range(40)
    ]
    found = []
    for options in ({}, AS_MANY):
        Article.objects.all().delete()
        Article.objects.bulk_create(Article(code=f"c{n}", title="old", views=7) for n in range(0, 30, 3))
        sizes(settings, 7)
        job, result = importing("order.article-update", as_csv(records), **options)
        assert result.status == "completed", result
        rows = list(Article.objects.order_by("code").values_list("code", "title", "slug", "data", "views"))
        found.append((rows, fates(job.pk)))

    assert found[1] == found[0]


class StopsAfter(Control):
    """Asks to stop after some batches."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.batches = batches

    def after_batch(self, records: int) -> None:
        self.batches -= records > 0
        if self.batches == 0:
            self.stop()
        super().after_batch(records)


@pytest.mark.parametrize("phase", ["gather", "pour"])
def test_a_model_that_has_other_columns_by_now_begins_anew_or_is_refused(
    folder: Path, settings: Any, phase: str
) -> None:
    records = [{"a": str(n), "b": "x", "c": str(n)} for n in range(70)]
    sql = "CREATE TABLE legacy (id serial PRIMARY KEY, a int, b varchar(3) NOT NULL, c int)"
    with legacy(f"{sql}; CREATE UNIQUE INDEX ON legacy ((a + 0))", **FIELDS) as table:
        sizes(settings, 10)
        control = StopsAfter(3 if phase == "gather" else 30)
        first = table.run(records, folder, control=control, **AS_MANY)
        job = DataImportJob.objects.get(pk=first.job)
        assert (first.status, str(job.gather_phase)) == ("stopped", phase)
        assert execute("SELECT count(*) FROM legacy") == [(first.inserted,)]
        assert "wait" in make_report(job).notes[-1]
        job.options["gathered"]["columns"] = ["a", "b"]
        job.save()

        with temporarily(table.spec("reject")):
            again = run_import(job, **AS_MANY)

        if phase == "gather":
            assert (again.status, again.read, again.inserted) == ("completed", 70, 70)
            assert execute("SELECT count(*) FROM legacy") == [(70,)]
        else:
            assert again.status == "failed"
            assert "still wait" in again.reason


def test_what_waits_is_named_when_a_person_is_erased(folder: Path, settings: Any) -> None:
    sql = "CREATE TABLE legacy (id serial PRIMARY KEY, a int, b varchar(3) NOT NULL, c int)"
    with legacy(f"{sql}; CREATE UNIQUE INDEX ON legacy ((a + 0))", **FIELDS) as table:
        sizes(settings, 10)
        records = [{"a": str(n), "b": "x", "c": str(n)} for n in range(70)]
        first = table.run(records, folder, control=StopsAfter(3), **AS_MANY)
        person = get_user_model().objects.create_user(email="ann@example.com", password="x")

        before = erase_user(person)["stays"]
        with temporarily(table.spec("reject")):
            run_import(first.job, **AS_MANY)

        assert [line for line in before if f"what job {first.job} has read" in line]
        assert not [line for line in erase_user(person)["stays"] if "has read" in line]
