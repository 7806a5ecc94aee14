"""Keys that occur more than once in the source are counted and shown, and `Meta.duplicates` decides."""

import io
import random
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import models

from importer import Column, Lookup, ModelImport
from importer.jobs import create_job
from importer.models import MigrationLog, StagingRecord
from importer.order import repeats, survey
from importer.rejects.replay import replay_rejects
from importer.rejects.report import make_report
from importer.run.run import run_import
from importer.specs.registry import temporarily
from importer.specs.spec import IN_ORDER
from importer.work import worker
from importer.work.control import Control
from tests.importer.conftest import Importing
from tests.importer.real_tables.legacy import legacy
from tests.importer.real_tables.types import without_ids
from tests.importer.samples.crm.models import Company, Contact
from tests.importer.samples.order.models import Seat

pytestmark = pytest.mark.django_db(transaction=True)

INLINE = "importer.executors.inline.execute"
SMALL = {"CHUNK_BYTES": 4_000, "BATCH_SIZE_INITIAL": 300, "BATCH_SIZE_MAX": 300}
WAYS = [(on_conflict, duplicates) for on_conflict in IN_ORDER for duplicates in IN_ORDER.values()]


def companies_spec(on_conflict: str, duplicates: str | None = None) -> type[ModelImport]:
    options = {"model": Company, "name": "repeated", "key": ("code",), "on_conflict": on_conflict}
    if duplicates:
        options["duplicates"] = duplicates
    return type("Repeated", (ModelImport,), {"Meta": type("Meta", (), options)})


def expected(
    records: list[tuple[str, str]], existing: dict[str, str], on_conflict: str, duplicates: str
) -> tuple[dict[str, str], dict[str, int]]:
    """Play the records in plain Python."""
    table, fates = (
        dict(existing),
        dict.fromkeys(("inserted", "updated", "unchanged", "skipped", "rejected"), 0),
    )
    valid = [(n, code, name) for n, (code, name) in enumerate(records) if name]
    fates["rejected"] += len(records) - len(valid)
    if duplicates == IN_ORDER[on_conflict]:
        counting = valid
    else:
        pick = dict[str, int]()
        for n, code, _ in valid if duplicates == "last" else reversed(valid):
            pick[code] = n
        counting = [each for each in valid if pick[each[1]] == each[0]]
        fates["rejected" if duplicates == "reject" else "skipped"] += len(valid) - len(counting)
    for _, code, name in counting:
        if code not in table:
            table[code] = name
            fates["inserted"] += 1
        elif on_conflict == "update":
            fates["unchanged" if table[code] == name else "updated"] += 1
            table[code] = name
        else:
            fates["skipped" if on_conflict == "skip" else "rejected"] += 1
    return table, fates


@pytest.fixture
def records() -> list[tuple[str, str]]:
    randomness = random.Random(7)
    records = [(f"C{number}", f"n{number}") for number in range(3_000)]
    for number in range(40):
        # An empty name is invalid: such a record neither wins nor loses.
        records.insert(
            randomness.randrange(len(records)), (f"C{number}", f"again{number}" if number % 5 else "")
        )
        records.insert(randomness.randrange(len(records)), (f"C{number % 7}", f"more{number}"))
    return records


@pytest.mark.parametrize(("on_conflict", "duplicates"), WAYS)
@pytest.mark.parametrize("workers", [1, 2])
def test_duplicates_decide_as_a_run_in_plain_python_would(
    importing: Importing,
    records: list[tuple[str, str]],
    settings: Any,
    on_conflict: str,
    duplicates: str,
    workers: int,
) -> None:
    existing = {f"C{number}": "old" for number in range(5, 12)} | {"Z": "old"}
    Company.objects.bulk_create(Company(code=code, name=name) for code, name in existing.items())
    settings.IMPORTER |= SMALL | {"EXECUTORS": {"inline": INLINE, "as-many": INLINE}}
    text = "code,name\n" + "".join(f"{code},{name}\n" for code, name in records)
    notes: list[str] = []

    with temporarily(companies_spec(on_conflict, duplicates)):
        job, result = importing("repeated", text, workers=workers, executor="as-many", on_note=notes.append)

    table, fates = expected(records, existing, on_conflict, duplicates)
    assert dict(Company.objects.values_list("code", "name")) == table
    assert {name: getattr(result, name) for name in fates} == fates
    assert make_report(job).is_balanced
    assert make_report(job).notes == notes
    assert notes[0].startswith(f"40 keys occur more than once; {repeats.WINNERS[duplicates]}. For example ")


def run(text: str, folder: Path, *options: str, **spec_options: str) -> tuple[str, str]:
    (folder / "s.csv").write_text(text)
    out, err = io.StringIO(), io.StringIO()
    with temporarily(companies_spec("update", **spec_options)):
        job = create_job("repeated", str(folder / "s.csv"))
        call_command("run_import", str(job.pk), *options, stdout=out, stderr=err)
        if not options:
            call_command("import_report", str(job.pk), stdout=out)
    return out.getvalue(), err.getvalue()


TEXT = "code,name\nA,1\nB,1\nA,2\nB,2\nC,1\nB,3\n"
NOTE = '2 keys occur more than once; the later record wins. For example "A" in lines 2 and 4; "B" in lines 3, 5 and 7.'


def test_the_report_shows_repeated_keys_with_their_lines(folder: Path) -> None:
    out, err = run(TEXT, folder)

    assert f"  {NOTE}\n" in out
    assert err == f"{NOTE}\n"


@pytest.mark.parametrize(("duplicates", "words"), repeats.WINNERS.items())
def test_the_dry_run_shows_repeated_keys_and_leaves_nothing(
    folder: Path, duplicates: str, words: str
) -> None:
    out, err = run(TEXT, folder, "--dry-run", duplicates=duplicates)

    assert err == f"{NOTE.replace(repeats.WINNERS['last'], words)}\n"
    assert ("3 would be rejected" in out) is (duplicates == "reject")
    assert not Company.objects.exists()
    assert not MigrationLog.objects.filter(event="noted").exists()


def test_nothing_is_said_where_no_key_repeats(folder: Path) -> None:
    assert run("code,name\nA,1\nB,1\n", folder)[1] == ""


def test_many_lines_of_a_key_are_cut_short(folder: Path) -> None:
    _, err = run("code,name\n" + "A,1\n" * 9, folder)

    assert err == (
        "1 key occurs more than once; the later record wins. "
        'For example "A" in lines 2, 3, 4, 5, 6 and 4 more.\n'
    )


@pytest.mark.parametrize("duplicates", ["last", "first"])
def test_a_resumed_job_counts_what_the_first_run_read(
    folder: Path, settings: Any, records: list[tuple[str, str]], duplicates: str
) -> None:
    settings.IMPORTER |= SMALL
    (folder / "s.csv").write_text("code,name\n" + "".join(f"{code},{name}\n" for code, name in records))
    control = Control()
    with temporarily(companies_spec("update", duplicates)):
        job = create_job("repeated", str(folder / "s.csv"))
        first = run_import(job, workers=1, control=control, on_progress=lambda _: control.stop())
        assert first.status == "stopped"
        assert 0 < first.read < len(records)
        result = run_import(job, workers=1)

    table, fates = expected(records, {}, "update", duplicates)
    assert dict(Company.objects.values_list("code", "name")) == table
    assert {name: getattr(result, name) for name in fates} == fates
    assert make_report(job).notes[0].startswith("40 keys occur")


def test_a_source_with_more_keys_than_memory_is_read_in_passes(
    importing: Importing, settings: Any, monkeypatch: pytest.MonkeyPatch, records: list[tuple[str, str]]
) -> None:
    settings.IMPORTER |= SMALL
    monkeypatch.setattr(repeats, "KEYS_AT_ONCE", 500)
    monkeypatch.setattr(worker, "KEYS_AT_ONCE", 500)
    text = "code,name\n" + "".join(f"{code},{name}\n" for code, name in records)

    with temporarily(companies_spec("update", "first")):
        job, _ = importing("repeated", text, workers=1)
    assert dict(Company.objects.values_list("code", "name")) == expected(records, {}, "update", "first")[0]

    with temporarily(companies_spec("update")):
        job, _ = importing("repeated", text, workers=1)
    assert make_report(job).notes[0].startswith("40 keys occur")


def test_several_workers_read_lines_again_where_keys_are_more_than_memory(
    importing: Importing, settings: Any, monkeypatch: pytest.MonkeyPatch, records: list[tuple[str, str]]
) -> None:
    settings.IMPORTER |= SMALL | {"EXECUTORS": {"as-many": INLINE}}
    for module in (repeats, worker, survey):
        monkeypatch.setattr(module, "KEYS_AT_ONCE", 500)
    text = "code,name\n" + "".join(f"{code},{name}\n" for code, name in records)

    with temporarily(companies_spec("update")):
        job, _ = importing("repeated", text, workers=2, executor="as-many")

    assert dict(Company.objects.values_list("code", "name")) == expected(records, {}, "update", "last")[0]
    assert make_report(job).notes[0].startswith("40 keys occur")


def test_a_key_of_several_columns_and_one_of_a_parent(importing: Importing) -> None:
    Company.objects.bulk_create([Company(code="X", name="x"), Company(code="Y", name="y")])

    class Seats(ModelImport):
        class Meta:
            model = Seat
            name = "repeated-seats"
            key = ("row", "number")
            on_conflict = "update"
            duplicates = "first"

    class Contacts(ModelImport):
        class Meta:
            model = Contact
            name = "repeated-contacts"
            key = ("company", "first_name")
            on_conflict = "update"
            duplicates = "first"

        company = Lookup("firm", to="code", transform=str.upper)
        legacy_id = Column("nr")

    with temporarily(Seats, Contacts):
        job, _ = importing("repeated-seats", "row,number,guest\n1,1,a\n01,1,b\n1,,c\n1,,d\n,,e\n,,f\n")
        assert list(Seat.objects.order_by("guest").values_list("guest", flat=True)) == ["a", "c"]
        assert '"1, 1" in lines 2 and 3; "1, " in lines 4 and 5' in make_report(job).notes[0]
        rows = "1,x,Ann,a@b.cd\n2,X,Ann,b@b.cd\n3,y,Ann,c@b.cd\n"
        importing("repeated-contacts", "nr,firm,first_name,email\n" + rows)
    assert list(Contact.objects.order_by("legacy_id").values_list("legacy_id", flat=True)) == [1, 3]


def test_a_rejected_duplicate_names_the_record_that_counts_and_is_replayed_only_when_fixed(
    importing: Importing, folder: Path
) -> None:
    with temporarily(companies_spec("update", "reject")):
        job, _ = importing("repeated", TEXT)
        record = StagingRecord.objects.filter(job=job).order_by("line").first()
        assert record is not None
        assert (record.line, record.errors) == (
            4,
            [{"field": "code", "code": "duplicate_key", "value": "A",
              "message": "The key occurs more than once; the record in line 2 counts."}],
        )  # fmt: skip
        assert replay_rejects(job).left == 3
        assert Company.objects.get(code="A").name == "1"
        (folder / "fixed.csv").write_text("_line,_reasons,code,name\n4,,D,2\n")
        assert replay_rejects(job, str(folder / "fixed.csv")).inserted == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"key": ("code",), "duplicates": "any"}, 'use "last", "first"'),
        ({"duplicates": "last"}, "needs a key"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words):
        type("Wrong", (ModelImport,), {"Meta": type("Meta", (), {"model": Company, **options})})


@pytest.mark.parametrize("sizes", [(1, 1), (2, 2), (1, 2), (100, 100)])
def test_a_repeated_key_is_skipped_whatever_the_batches_are(
    folder: Path, settings: Any, sizes: tuple[int, int]
) -> None:
    """Its other unique values may be taken: a record that is skipped is not looked at any further."""
    settings.IMPORTER |= {
        "BATCH_SIZE_INITIAL": sizes[0],
        "BATCH_SIZE_MIN": sizes[0],
        "BATCH_SIZE_MAX": sizes[1],
    }
    sql = "CREATE TABLE legacy (id serial PRIMARY KEY, code text UNIQUE, v text UNIQUE)"
    records = [{"code": c, "v": v} for c, v in ("a1", "b2", "a3", "b1", "c1", "c4", "c2", "d1")]
    unique = models.CharField(max_length=9, unique=True)
    with legacy(sql, key=("code",), code=models.CharField(max_length=9, unique=True), v=unique) as table:
        filled = table.by_import(records, folder, on_conflict="skip")

    assert without_ids(filled.rows) == ["a,1)", "b,2)", "c,4)"]
    assert filled.rejected == {6: "unique", 9: "unique"}
