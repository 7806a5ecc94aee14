"""Columns of another type than the field that a site has for them."""

from typing import Any

from django.db import models

from tests.importer.real_tables.legacy import Record

MOMENTS = (
    "2021-07-01T12:00:00+02:00", "2021-07-01 12:00:00", "2021-01-01T00:00:00-05:00", "2021-07-01 12:00:00.123456Z",
    "2021-03-28 02:30:00", "1950-06-30T23:59:59+00:00", "tomorrow",
)  # fmt: skip
NUMBERS = ("7", "-3", "007", "40000", "2147483648", "x", "")
DECIMALS = ("1.5", "2.345", "-0.005", "99999999.99", "1e3", "0", "x")
TEXTS = ("red", "blue", "purple", "", "Red", "red ")
# Kind → the real type, the field that a site has for it, and texts.
BRIDGED = {
    "timestamp": ("timestamp", models.DateTimeField(null=True), MOMENTS),
    "timestamp(0)": ("timestamp(0)", models.DateTimeField(null=True), MOMENTS),
    "date": ("date", models.DateTimeField(null=True), MOMENTS),
    "smallint": ("smallint", models.BigIntegerField(null=True, blank=True), NUMBERS),
    "numeric": ("numeric(4,1)", models.DecimalField(max_digits=10, decimal_places=3), DECIMALS),
    "double": ("double precision", models.DecimalField(max_digits=10, decimal_places=3), DECIMALS),
    "money": ("money", models.DecimalField(max_digits=10, decimal_places=2), DECIMALS),
    "integer under text": ("integer", models.CharField(max_length=20, null=True, blank=True), NUMBERS),
    "varchar under integer": ("varchar(4)", models.IntegerField(null=True, blank=True), NUMBERS),
    "enum": ("colour", models.CharField(max_length=20), TEXTS),
    "domain": ("short", models.TextField(), TEXTS),
    "char": ("char(5)", models.CharField(max_length=20), TEXTS),
    "shorter": ("varchar(4)", models.CharField(max_length=20), TEXTS),
    "uuid as text": ("varchar(36)", models.UUIDField(), ("12345678123456781234567812345678", "x")),
    "json": ("json", models.JSONField(), ('{"b": 1, "a": [1, 2.50]}', "{")),
    "text under json": ("text", models.JSONField(), ('{"b": 1}', "[]", "{")),
    "inet": ("inet", models.CharField(max_length=40), ("10.0.0.1", "10.0.0.0/8", "x")),
    "interval": ("interval", models.CharField(max_length=40), ("1 day", "P1D", "x")),
    "time": ("time", models.TimeField(), ("12:30", "23:59:59.5", "25:00")),
}
TYPES = """
DROP TYPE IF EXISTS colour CASCADE; CREATE TYPE colour AS ENUM ('red', 'blue');
DROP DOMAIN IF EXISTS short CASCADE; CREATE DOMAIN short AS text CHECK (length(VALUE) < 5);
"""


def code() -> Any:
    return models.CharField(max_length=20, unique=True)


def numbered(name: str, *values: str) -> list[Record]:
    return [{"code": f"C{number}", name: value} for number, value in enumerate(values)]


def without_ids(rows: list[str]) -> list[str]:
    """Numbers of a sequence have gaps where a record was refused, by hand as well."""
    return sorted(row.partition(",")[2] for row in rows)
