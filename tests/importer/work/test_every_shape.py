"""Models as sites have them: whatever the way, the table and the rejections are those of a loop in the source's order.

The loop is `full_clean()` and `save()`. The ways: one worker, as if several, through a bare copy, each with batches of
different sizes. `test_kills_in_every_shape` has workers in processes of their own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from tests.importer.real_tables.legacy import Legacy, Record, execute, legacy
from tests.importer.ways import sizes
from tests.importer.work.damaged_records import damaged

pytestmark = pytest.mark.django_db(transaction=True)

ITEM: dict[str, Any] = {
    "code": models.CharField(max_length=20),
    "name": models.CharField(max_length=80),
    "email": models.EmailField(blank=True),
    "amount": models.DecimalField(max_digits=10, decimal_places=2),
    "day": models.DateField(),
}
ITEM_SQL = "code varchar(20), name varchar(80), email varchar(254), amount numeric(10, 2), day date"
LOWER_EMAIL = "CREATE UNIQUE INDEX lower_email ON legacy (lower(email))"
AMOUNT_IF = "CREATE UNIQUE INDEX amount_if ON legacy (amount) WHERE (amount < 9"
UNIQUE = {"code": models.CharField(max_length=20, unique=True)}


class Period:
    def clean(self: Any) -> None:
        if self.begin and self.end and self.end < self.begin:
            raise ValidationError({"end": "The end is before the begin."})
        self.name = self.name.strip()


class Shouted:
    """It changes what must be unique, so records are gathered."""

    def clean(self: Any) -> None:
        self.code = self.code.upper()


SHAPES: dict[str, tuple[str, dict[str, Any], str]] = {
    "plain": ("plain", ITEM | UNIQUE, f"{ITEM_SQL}, UNIQUE (code)"),
    "functional": (
        "functional",
        ITEM | {"constraints": [models.UniqueConstraint(Lower("code"), name="lower_code")]},
        f"{ITEM_SQL}); CREATE UNIQUE INDEX lower_code ON legacy (lower(code)",
    ),
    "conditional": (
        "conditional",
        ITEM
        | {
            "constraints": [
                models.UniqueConstraint(fields=["code"], condition=Q(amount__gt=5), name="code_if")
            ]
        },
        f"{ITEM_SQL}); CREATE UNIQUE INDEX code_if ON legacy (code) WHERE (amount > 5",
    ),
    "a condition beside the key": (
        "twokeys",
        ITEM
        | UNIQUE
        | {
            "constraints": [
                models.UniqueConstraint(Lower("email"), name="lower_email"),
                models.UniqueConstraint(fields=["amount"], condition=Q(amount__lt=9), name="amount_if"),
            ]
        },
        f"{ITEM_SQL}, UNIQUE (code)); {LOWER_EMAIL}; {AMOUNT_IF}",
    ),
    "two keys": (
        "twokeys",
        ITEM | UNIQUE | {"email": models.EmailField(unique=True)},
        f"{ITEM_SQL}, UNIQUE (code), UNIQUE (email)",
    ),
    "odd types": (
        "odd",
        {
            "phone": models.CharField(
                max_length=20, unique=True, validators=[RegexValidator(r"^\+\d{6,15}$")]
            ),
            "address": models.GenericIPAddressField(),
            "weight": models.FloatField(),
            "length": models.DurationField(),
            "at": models.DateTimeField(),
            "data": models.JSONField(),
        },
        "phone varchar(20) UNIQUE, address inet, weight float8, length interval, at timestamptz, data jsonb",
    ),
    "a clean()": (
        "period",
        {
            **UNIQUE,
            "name": ITEM["name"],
            "amount": ITEM["amount"],
            "begin": models.DateField(),
            "end": models.DateField(),
            "rules": Period,
        },
        'code varchar(20) UNIQUE, name varchar(80), amount numeric(10, 2), begin date, "end" date',
    ),
    "a clean() of unique fields": ("plain", ITEM | UNIQUE | {"rules": Shouted}, f"{ITEM_SQL}, UNIQUE (code)"),
}
WAYS: dict[str, dict[str, Any]] = {
    "one worker": {},
    "as many": {"executor": "as-many", "workers": 2},
    "fresh": {"fresh": True, "executor": "as-many", "workers": 2},
}


@contextmanager
def table_of(shape: str, *, key: tuple[str, ...] = ()) -> Iterator[tuple[Legacy, list[Record]]]:
    of_benchmark, fields, sql = SHAPES[shape]
    with legacy(f"CREATE TABLE legacy (id bigserial PRIMARY KEY, {sql})", key=key, **fields) as table:
        yield table, damaged(of_benchmark)


def stored() -> list[Any]:
    return sorted(row[0] for row in execute("SELECT (to_jsonb(t) - 'id')::text FROM legacy AS t"))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_table_is_that_of_a_loop(folder: Path, settings: Any, shape: str, way: str) -> None:
    with table_of(shape) as (table, records):
        expected = table.by_hand(records)
        rows = stored()
        assert 20 > len(expected.rejected) > 5
        for batch in (1, 7, 10_000):
            table.make_anew()
            sizes(settings, batch)

            found = table.by_import(records, folder, **WAYS[way])

            assert stored() == rows, batch
            assert found.rejected.keys() == expected.rejected.keys(), batch


# Without the one whose `clean()` changes the key: the loop looks a row up before it, the import after it.
KEYED = [name for name in SHAPES if name not in ("odd types", "a clean() of unique fields")]


@pytest.mark.parametrize("on_conflict", ["update", "skip"])
@pytest.mark.parametrize("shape", KEYED)
def test_so_are_updates(folder: Path, settings: Any, shape: str, on_conflict: str) -> None:
    with table_of(shape, key=("code",)) as (table, records):
        before = [record | {"name": "before"} for record in records[::3]]
        for record, other in zip(before[::2], before[1::2], strict=False):
            for name in {"email", "amount"} & record.keys():
                record[name], other[name] = other[name], record[name]
        table.by_hand(before)
        table.by_hand(records, on_conflict=on_conflict)
        rows = stored()
        for way in ("one worker", "as many"):
            for batch in (7, 10_000):
                table.make_anew()
                table.by_hand(before)
                sizes(settings, batch)

                table.by_import(records, folder, on_conflict=on_conflict, **WAYS[way])

                assert stored() == rows, (way, batch)
