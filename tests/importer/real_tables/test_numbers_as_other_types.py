"""A number in a column of another type is stored as `save()` stores it: with all its digits, rounded alike."""

from pathlib import Path
from typing import Any

import pytest
from django.db import models

from tests.importer.real_tables.legacy import execute, legacy

pytestmark = pytest.mark.django_db(transaction=True)

FLOATS = (
    "1234567890123.4567", "123456789.123456789", "0.1", "0.5", "2.5", "-0.5", "-2.5", "1e22", "1e16", "1e15", "0.00001",
    "-0", "3", "1.5e-7",
)  # fmt: skip
DECIMALS = ("1.5", "1.10", "007", "12.34", "-0", "0", "1234567.125", "0.001")


@pytest.mark.parametrize("on_conflict", ["reject", "update"])
@pytest.mark.parametrize(
    "kind", ["numeric", "numeric(20,4)", "int", "smallint", "text", "varchar(9)", "real", "float8"]
)
@pytest.mark.parametrize("field", ["float", "decimal"])
def test_a_number(folder: Path, field: str, kind: str, on_conflict: str) -> None:
    fields: dict[str, Any] = {
        "float": models.FloatField(),
        "decimal": models.DecimalField(max_digits=12, decimal_places=3),
    }
    texts = FLOATS if field == "float" else DECIMALS
    records = [{"code": str(number), "v": text} for number, text in enumerate(texts)]
    sql = f"CREATE TABLE legacy (id serial PRIMARY KEY, code int UNIQUE, v {kind})"
    with legacy(sql, key=("code",), code=models.IntegerField(unique=True), v=fields[field]) as table:
        by_hand = table.by_hand(records, on_conflict=on_conflict)
        table.make_anew()
        imported = table.by_import(records, folder, on_conflict=on_conflict)

        strip = [[row.partition(",")[2] for row in filled.rows] for filled in (by_hand, imported)]
        assert sorted(strip[1]) == sorted(strip[0])
        assert imported.rejected.keys() == by_hand.rejected.keys()
        # What is there is recognised.
        before = execute("SELECT xmin::text FROM legacy ORDER BY code")
        if on_conflict == "update":
            table.by_import(records, folder, on_conflict=on_conflict)
            assert execute("SELECT xmin::text FROM legacy ORDER BY code") == before
