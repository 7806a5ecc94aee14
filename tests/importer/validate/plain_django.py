"""What plain Django makes of a text, without the importer: the measure that lanes and pipeline are held to."""

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, models, transaction

from importer.specs.mapping import AnyField

# What a text may end in, besides a ValidationError: a reason not to save it.
REFUSALS = (ValidationError, ValueError, TypeError, OverflowError, ArithmeticError, DatabaseError)


def cleaned(field: AnyField, text: str | None) -> Any:
    """As `full_clean()` judges one field, with an empty text taken as nothing (the importer's default null value).

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
    """The texts that Django cleans and PostgreSQL takes: their number, and the saved value as PostgreSQL writes it."""
    values = {}
    for number, text in enumerate(texts):
        try:
            values[number] = _prepared(field, cleaned(field, text))
        except (*REFUSALS, RecursionError):
            continue
    return _stored(field, values)


def stored_texts(field: AnyField, texts: Mapping[int, str | None]) -> dict[int, str | None]:
    """What PostgreSQL makes of texts of its own notation in the field's column; refused ones are left out."""
    return _stored(field, texts)


def _prepared(field: AnyField, value: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return field.get_db_prep_save(value, connection)


def _stored(field: AnyField, values: Mapping[int, Any]) -> dict[int, str | None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE stored (number int, value {field.rel_db_type(connection) or 'text'})"
        )
        _insert(list(values.items()))
        # The two zeros of floating point are one value: which of them arrives hangs on how a parameter is sent.
        value = "value + 0" if isinstance(field, models.FloatField) else "value"
        cursor.execute(f"SELECT number, ({value})::text FROM stored")
        answer = dict(cursor.fetchall())
        cursor.execute("DROP TABLE stored")
    return answer


def _insert(rows: Sequence[tuple[int, Any]]) -> None:
    """Insert what PostgreSQL takes; what it refuses is narrowed down by halves and left out."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany("INSERT INTO stored VALUES (%s, %s)", rows)
    except REFUSALS:
        if len(rows) > 1:
            _insert(rows[: len(rows) // 2])
            _insert(rows[len(rows) // 2 :])
