"""A verification finds nothing after an import, whatever its shape, and finds exactly what was changed since."""

from pathlib import Path
from typing import Any

import pytest

from importer.models import DataImportJob, MigrationLog
from importer.specs.registry import temporarily
from importer.verify.verified import Verified
from importer.verify.verify import verify_import
from tests.importer.real_tables.legacy import Legacy, Record, changed, execute
from tests.importer.ways import sizes
from tests.importer.work.test_every_shape import KEYED, SHAPES, WAYS, stored, table_of

pytestmark = pytest.mark.django_db(transaction=True)


def verified(table: Legacy, job: int, on_conflict: str = "reject") -> Verified:
    before = stored()
    with temporarily(table.spec(on_conflict)):
        found = verify_import(job)
    assert stored() == before
    return found


def found_in(found: Verified) -> dict[str, int]:
    return dict(found.differences)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_differs_after_an_import(folder: Path, settings: Any, shape: str, way: str) -> None:
    with table_of(shape) as (table, records):
        sizes(settings, 7)
        result = table.run(records, folder, **WAYS[way])

        found = verified(table, result.job)

    assert found_in(found) == {}, found
    assert (found.read, found.rejected, found.matched) == (len(records), result.rejected, result.inserted)
    assert all(column.is_same for column in found.columns)
    assert found.columns


def keyed(table: Legacy, records: list[Record], folder: Path, on_conflict: str) -> int:
    """Import the records over some that are there before, and return the job."""
    before = [record | {"name": "before"} for record in records[::3]]
    for record, other in zip(before[::2], before[1::2], strict=False):
        for name in {"email", "amount"} & record.keys():
            record[name], other[name] = other[name], record[name]
    table.by_hand(before)
    return table.run(records, folder, on_conflict=on_conflict).job


@pytest.mark.parametrize("on_conflict", ["update", "skip"])
@pytest.mark.parametrize("shape", KEYED)
def test_nothing_differs_after_updates(folder: Path, settings: Any, shape: str, on_conflict: str) -> None:
    with table_of(shape, key=("code",)) as (table, records):
        sizes(settings, 7)
        job = keyed(table, records, folder, on_conflict)

        found = verified(table, job, on_conflict)

    assert found_in(found) == {}, found
    assert found.matched > 20
    assert found.read == found.rejected + found.superseded + found.skipped + found.matched


AGAIN = """
    INSERT INTO legacy SELECT (jsonb_populate_record(NULL::legacy, to_jsonb(t) || '{"id": 99999}')).*
    FROM legacy AS t WHERE id = %d
"""
SWAP = """
    UPDATE legacy AS t SET {0} = o.{0} FROM legacy AS o
    WHERE (t.id, o.id) IN ((%d, %d), (%d, %d))
"""
# The column of each shape that mistakes are made in, which is not what rows are found by.
CHANGED = dict.fromkeys(SHAPES, "name") | {"odd types": "weight", "a clean()": "amount"}


def two_rows(job: int) -> tuple[int, int]:
    """Return the ids of two rows that the job inserted, with other values each."""
    own = f"xmin IN (SELECT xmin FROM data_import_transactions WHERE job_id = {job} AND kind = 'inserted')"
    first, *_, last = [row[0] for row in execute(f"SELECT id FROM legacy WHERE {own} ORDER BY id")]
    return first, last


def line_of(records: list[Record], row: int, column: str) -> int:
    (value,) = execute(f"SELECT {column} FROM legacy WHERE id = {row}")[0]
    return next(line for line, record in reversed(list(enumerate(records, 2))) if record[column] == value)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_deleted_row_is_missing(folder: Path, settings: Any, shape: str) -> None:
    with table_of(shape) as (table, records):
        job = table.run(records, folder).job
        row, _ = two_rows(job)
        execute(f"DELETE FROM legacy WHERE id = {row}")

        found = verified(table, job)

    assert found_in(found) == {"missing": 1}
    assert [each.kind for each in found.examples] == ["missing"]
    assert not all(column.is_same for column in found.columns)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_changed_value_is_named(folder: Path, settings: Any, shape: str) -> None:
    with table_of(shape) as (table, records):
        job = table.run(records, folder).job
        row, _ = two_rows(job)
        column = CHANGED[shape]
        value = "'changed'" if column == "name" else "7.75"
        execute(f"UPDATE legacy SET {column} = {value} WHERE id = {row}")

        found = verified(table, job)

    (difference,) = found.examples
    if shape in ("functional", "conditional"):  # nothing tells their rows apart but all their values
        assert found_in(found) == {"missing": 1}
        return
    assert found_in(found) == {"changed_since": 1}
    assert (difference.row, [name for name, _, _ in difference.fields]) == (str(row), [column])
    assert difference.fields[0][2] == value.strip("'")


@pytest.mark.parametrize("shape", ["functional", "conditional"])
def test_a_row_that_is_there_twice_is_named(folder: Path, settings: Any, shape: str) -> None:
    with table_of(shape) as (table, records):
        job = table.run(records, folder).job
        row, _ = two_rows(job)
        execute("DROP INDEX lower_code" if shape == "functional" else "DROP INDEX code_if")
        execute(AGAIN % row)

        found = verified(table, job)

    assert found_in(found) == {"repeated": 1}
    assert found.examples[0].row == "99999"


@pytest.mark.parametrize("on_conflict", ["update", "skip"])
@pytest.mark.parametrize("shape", KEYED)
def test_each_mistake_after_updates_is_named(
    folder: Path, settings: Any, shape: str, on_conflict: str
) -> None:
    column = CHANGED[shape]
    with table_of(shape, key=("code",)) as (table, records):
        job = keyed(table, records, folder, on_conflict)
        changed_row, swapped = two_rows(job)
        line, other = (line_of(records, row, "code") for row in (changed_row, swapped))
        execute(SWAP.format(column) % (changed_row, swapped, swapped, changed_row))

        both = verified(table, job, on_conflict)
        execute(f"DELETE FROM legacy WHERE id = {swapped}")
        one = verified(table, job, on_conflict)

    assert found_in(both) == {"changed_since": 2}
    assert {(d.line, d.row, d.fields[0][0]) for d in both.examples} == {
        (line, str(changed_row), column), (other, str(swapped), column)
    }  # fmt: skip
    assert found_in(one) == {"changed_since": 1, "missing": 1}
    assert {(d.line, d.kind) for d in one.examples} == {(line, "changed_since"), (other, "missing")}


def test_what_a_trigger_has_changed_differs(folder: Path) -> None:
    body = "BEGIN IF NEW.code LIKE '%7' THEN NEW.name = 'of the trigger'; END IF; RETURN NEW; END"
    make = f"CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"
    with table_of("plain") as (table, records), changed(make, "DROP FUNCTION meddle() CASCADE"):
        execute("CREATE TRIGGER meddle BEFORE INSERT ON legacy FOR EACH ROW EXECUTE FUNCTION meddle()")
        job = table.run(records, folder).job
        (number,) = execute("SELECT count(*) FROM legacy WHERE name = 'of the trigger'")[0]

        found = verified(table, job)

    assert number > 3
    assert found_in(found) == {"differs": number}
    assert {difference.fields[0][2] for difference in found.examples} == {"of the trigger"}
    entry = MigrationLog.objects.get(job=job, event="verified")
    assert "of the trigger" not in str(entry.details)
    assert DataImportJob.objects.get(pk=job).status == "completed"
