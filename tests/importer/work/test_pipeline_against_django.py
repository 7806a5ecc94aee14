"""Hostile values from the file to the row, compared with `full_clean()` and `save()` in plain Django."""

import csv
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from importer import run_import
from importer.jobs import create_job
from importer.models import StagingRecord
from tests.importer.samples.crm.models import Everything
from tests.importer.validate import border_texts, naughty_texts
from tests.importer.validate.plain_django import REFUSALS, cleaned

pytestmark = pytest.mark.django_db

FIELDS = [field for field in Everything._meta.concrete_fields if not field.primary_key]
NAMES = [field.name for field in FIELDS]
EMPTY = dict.fromkeys(NAMES, "") | {"char": "x"}
Record = dict[str, str]
Write = Callable[[Path, Sequence[Record]], Path]


@dataclass(frozen=True)
class Fate:
    """A row as PostgreSQL writes it, or the fields for which it was rejected (empty: by the database as a whole)."""

    row: tuple[str | None, ...] | None
    refused: frozenset[str] = frozenset()


def as_csv(folder: Path, records: Sequence[Record]) -> Path:
    path = folder / "everything.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, NAMES, quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(records)
    return path


def as_json_lines(folder: Path, records: Sequence[Record]) -> Path:
    path = folder / "everything.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def imported(path: Path, records: Sequence[Record]) -> list[Fate]:
    """Return the fate of each record. Rows are in source order, so rows and rejections complete each other."""
    before = newest()
    result = run_import(create_job("everything", str(path)))
    assert (result.status, result.reason, result.read) == ("completed", "", len(records))
    rejections = StagingRecord.objects.filter(job=result.job).order_by("line", "pk")
    rejected = [frozenset(error["field"] for error in rejection.errors) for rejection in rejections]
    lines = [rejection.line for rejection in rejections]
    numbers = {line: number for number, line in enumerate(lines_of(path, records))}
    refused = {numbers[line]: fields for line, fields in zip(lines, rejected, strict=True)}
    rows = iter(rows_after(before))
    fates = [Fate(None, refused[n]) if n in refused else Fate(next(rows)) for n in range(len(records))]
    assert next(rows, None) is None
    return fates


def lines_of(path: Path, records: Sequence[Record]) -> list[int]:
    """Return the line where each record begins."""
    if path.suffix == ".jsonl":
        return list(range(1, len(records) + 1))
    lines = [2]
    for record in records:
        lines.append(lines[-1] + 1 + sum(text.count("\n") for text in record.values()))
    return lines[:-1]


def as_texts(write: Write, records: Sequence[Record]) -> Sequence[Record]:
    """Return the records as a CSV file would have them: in JSON lines, a text for the JSONField is a JSON text."""
    if write is as_csv:
        return records
    return [record | {"data": record["data"] and json.dumps(record["data"])} for record in records]


def saved(records: Sequence[Record]) -> list[Fate]:
    return [plain_fate(record) for record in records]


def plain_fate(record: Record) -> Fate:
    """Return the fates that a plain loop over the records gives, without the importer."""
    before = newest()
    try:
        with transaction.atomic(), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            instance = Everything(**{field.name: value_of(field, record[field.name]) for field in FIELDS})
            instance.full_clean()
            instance.save()
            [row] = rows_after(before)
            return Fate(row)
    except ValidationError as error:
        return Fate(None, frozenset(error.error_dict))
    except (*REFUSALS, RecursionError):
        return Fate(None, refused_fields(record))


def value_of(field: Any, text: str) -> Any:
    if text == "" and not (field.empty_strings_allowed and field.blank and not field.null):
        return None
    return json.loads(text) if isinstance(field, models.JSONField) else text


def refused_fields(record: Record) -> frozenset[str]:
    """Return the fields that fail one by one, where `full_clean()` itself raised."""
    fields = set()
    for field in FIELDS:
        try:
            cleaned(field, record[field.name])
        except (*REFUSALS, RecursionError):
            fields.add(field.name)
    return frozenset(fields)


def newest() -> int:
    return Everything.objects.aggregate(newest=models.Max("pk"))["newest"] or 0


def rows_after(pk: int) -> list[tuple[str | None, ...]]:
    quote = connection.ops.quote_name
    # The two zeros of floating point are one value: which of them arrives depends on how a parameter is sent.
    columns = ", ".join(f"({quote(str(f.column))}{' + 0' if f.name == 'real' else ''})::text" for f in FIELDS)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {Everything._meta.db_table} WHERE id > %s ORDER BY id", [pk])
        return [tuple(row) for row in cursor.fetchall()]


def assert_same_fates(records: Sequence[Record], ours: list[Fate], djangos: list[Fate]) -> None:
    differing = []
    for record, mine, its in zip(records, ours, djangos, strict=True):
        # NUL is refused by PostgreSQL alone, for the whole record; the importer names the fields that hold one.
        with_nul = {name for name, text in record.items() if "\0" in text}
        by_database_alone = mine.row is None and not its.refused
        if mine.row != its.row or not (
            by_database_alone or mine.refused - with_nul == its.refused - with_nul
        ):
            hostile = {name: text for name, text in record.items() if text != EMPTY[name]}
            differing.append((hostile, mine, its))
    assert differing == [], differing[:5]


@pytest.mark.parametrize("write", [as_csv, as_json_lines])
@pytest.mark.parametrize("name", NAMES)
def test_naughty_texts_fare_as_in_plain_django(folder: Path, name: str, write: Write) -> None:
    records = [EMPTY | {name: text} for text in ("", *naughty_texts.TEXTS)]

    ours = imported(write(folder, records), records)

    assert_same_fates(records, ours, saved(as_texts(write, records)))


def test_naughty_texts_all_over_a_record_fare_as_in_plain_django(folder: Path) -> None:
    records = [dict.fromkeys(NAMES, text) for text in naughty_texts.TEXTS]

    ours = imported(as_csv(folder, records), records)

    assert_same_fates(records, ours, saved(records))
    assert not any(fate.row for fate in ours)


GOOD: dict[str, list[str]] = {
    "char": ["a", "abcde", "é"], "slug": ["a-b"], "email": ["a@example.com"], "url": ["https://example.com/"],
    "integer": ["7", "+7"], "small": ["-3"], "big": ["9" * 18], "positive": ["0"], "grade": ["1"], "decimal": ["1.5"],
    "price": ["0.01"], "real": ["1e3"], "flag": ["t"], "date": ["2024-02-29"], "moment": ["2024-02-29 12:00"],
    "time": ["12:00"], "duration": ["1:00"], "uuid": ["12345678123456781234567812345678"], "address": ["::1"],
    "data": ['{"a": 1.50}'],
}  # fmt: skip
# Most values are good, or no record would ever arrive; a few fields of a record are hostile.
records_strategy = st.lists(
    st.tuples(
        st.fixed_dictionaries({name: st.sampled_from(["", *GOOD.get(name, ["ok"])]) for name in NAMES}),
        st.dictionaries(st.sampled_from(NAMES), border_texts.texts, max_size=2),
    ).map(lambda parts: parts[0] | {"char": parts[0]["char"] or "x"} | parts[1]),
    min_size=1,
    max_size=40,
)


@pytest.mark.long  # passes its time limit on a busy machine
@pytest.mark.parametrize("write", [as_csv, as_json_lines])
@hypothesis_settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(records=records_strategy, batch=st.sampled_from([1, 7, 100]))
def test_any_texts_fare_as_in_plain_django(
    folder: Path, settings: Any, write: Write, records: list[Record], batch: int
) -> None:
    settings.IMPORTER = settings.IMPORTER | {
        "BATCH_SIZE_INITIAL": batch, "BATCH_SIZE_MIN": batch, "BATCH_SIZE_MAX": batch,
    }  # fmt: skip

    ours = imported(write(folder, records), records)

    assert_same_fates(records, ours, saved(as_texts(write, records)))
