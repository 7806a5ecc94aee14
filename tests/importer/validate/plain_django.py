"""Cleans and saves texts with plain Django, as the reference for lanes and pipeline."""

import datetime as dt
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, models, transaction

from importer.specs.mapping import AnyField

# Other errors that keep a text from being saved, besides ValidationError.
REFUSALS = (ValidationError, ValueError, TypeError, OverflowError, ArithmeticError, DatabaseError)


def cleaned(field: AnyField, text: str | None) -> Any:
    """Clean a text as `full_clean()` cleans one field; an empty text means nothing (the importer's default null value).

    Nothing is null, or the empty text in a text column that is not null. JSON is read as JSON.
    """
    value: Any = text or None
    if value is None and not field.null and field.empty_strings_allowed and field.blank:
        value = ""
    if isinstance(field, models.JSONField) and isinstance(value, str):
        value = json.loads(value)
    if field.blank and value in field.empty_values:
        return value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of times without a zone
        return field.clean(value, field.model())


def saved_texts(field: AnyField, texts: Sequence[str | None]) -> dict[int, str | None]:
    """Return the texts that Django and PostgreSQL accept: their number, and the value as PostgreSQL writes it."""
    values = {}
    for number, text in enumerate(texts):
        try:
            values[number] = _prepared(field, cleaned(field, text))
        except (*REFUSALS, RecursionError):
            continue
    return _stored(field, values)


def stored_texts(field: AnyField, texts: Mapping[int, str | None]) -> dict[int, str | None]:
    """Return what PostgreSQL stores for texts in its own notation, without those that it rejects."""
    return _stored(field, texts)


def _prepared(field: AnyField, value: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        prepared = field.get_db_prep_save(value, connection)
    if isinstance(prepared, dt.datetime):
        prepared.astimezone(dt.UTC)  # what leaves the calendar there, the ORM cannot read again
    return prepared


def _stored(field: AnyField, values: Mapping[int, Any]) -> dict[int, str | None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE stored (number int, value {field.rel_db_type(connection) or 'text'})"
        )
        _insert(list(values.items()))
        # The two zeros of floating point are one value: which of them arrives depends on how a parameter is sent.
        value = "value + 0" if isinstance(field, models.FloatField) else "value"
        cursor.execute(f"SELECT number, ({value})::text FROM stored")
        answer = dict(cursor.fetchall())
        cursor.execute("DROP TABLE stored")
    return answer


def _insert(rows: Sequence[tuple[int, Any]]) -> None:
    """Insert what PostgreSQL accepts; rejected texts are found by halving and left out."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany("INSERT INTO stored VALUES (%s, %s)", rows)
    except REFUSALS:
        if len(rows) > 1:
            _insert(rows[: len(rows) // 2])
            _insert(rows[len(rows) // 2 :])
