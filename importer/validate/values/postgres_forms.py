"""Reads PostgreSQL's own text forms of arrays, ranges and hstore, in addition to the JSON that Django's fields read."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from django.contrib.postgres.fields import ArrayField, HStoreField
from django.contrib.postgres.fields.ranges import RangeField
from django.core.exceptions import ValidationError
from django.db import DatabaseError, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import DataError
from psycopg.types.range import load_range_text

from importer.records import shown
from importer.specs.mapping import AnyField

# text → the Python value of the form, or the text itself where Django reads it
Form = Callable[[str], Any]


def form_of(field: AnyField, connection: BaseDatabaseWrapper) -> Form | None:
    """Return the function that reads the forms of a field's type; None if Django reads all that there are."""
    if isinstance(field, ArrayField):
        return lambda text: text if _is_json(text) else _array(field, text, connection)
    if isinstance(field, RangeField):
        return lambda text: text if text.lstrip().startswith("{") else _range(field, text)
    if isinstance(field, HStoreField):
        return lambda text: _hstore(text, connection)
    return None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _array(field: Any, text: str, connection: BaseDatabaseWrapper) -> list[Any]:
    """Read `{1,2}`. PostgreSQL splits it; the base field reads the elements."""
    return _elements(field, _asked(connection, "SELECT array_to_json(%s::text[])::text", text), connection)


def _elements(field: Any, values: list[Any], connection: BaseDatabaseWrapper) -> list[Any]:
    base = field.base_field
    read = _reader(base, connection)
    return [None if value is None else read(value) for value in values]


def _reader(base: Any, connection: BaseDatabaseWrapper) -> Callable[[Any], Any]:
    """Return the function that reads an element: a text, or a list where the array has another dimension."""
    form = form_of(base, connection)

    def read(value: Any) -> Any:
        if isinstance(value, list):
            if not isinstance(base, ArrayField):
                raise ValidationError("The array has more dimensions than the field.", code="invalid")
            return _elements(base, value, connection)
        if isinstance(base, models.JSONField):
            return json.loads(value)
        if isinstance(base, models.BinaryField):
            return bytes.fromhex(value.removeprefix("\\x"))
        return base.to_python(form(value) if form else value)

    return read


def _range(field: Any, text: str) -> Any:
    """Read `[1,5)`. psycopg splits it; the base field reads the bounds, and an empty one has no end."""
    form = text.strip()
    if form.lower() == "empty":
        return field.range_type(empty=True)
    data = form.encode()
    try:
        parts, end = load_range_text(data, lambda bound: bytes(bound).decode())
    except DataError:
        end = 0
    if end != len(data):
        raise ValidationError(f'Invalid range "{shown(text)}": use a form such as [1,5).', code="invalid")
    lower, upper = (
        None if bound is None else field.base_field.to_python(bound) for bound in (parts.lower, parts.upper)
    )
    return field.range_type(lower, upper, parts.bounds)


def _hstore(text: str, connection: BaseDatabaseWrapper) -> Any:
    """Read `k=>v`, or JSON, of which Django's field takes an object only."""
    value = (
        json.loads(text)
        if _is_json(text)
        else _asked(connection, "SELECT hstore_to_json(%s::hstore)::text", text)
    )
    if not isinstance(value, dict):
        raise ValidationError(f'Invalid map "{shown(text)}": use a form such as key=>value.', code="invalid")
    return value


def _asked(connection: BaseDatabaseWrapper, statement: str, text: str) -> Any:
    """Let PostgreSQL read a text, and return the value. Raises ValidationError with PostgreSQL's words."""
    if "\0" in text:
        raise ValidationError("Null characters are not allowed.", code="null_characters_not_allowed")
    try:
        # In a transaction that others have begun, a failure must not end it.
        savepoint = transaction.atomic(connection.alias) if connection.in_atomic_block else nullcontext()
        with savepoint, connection.cursor() as cursor:
            cursor.execute(statement, [text])
            return json.loads(cursor.fetchone()[0])
    except DatabaseError as error:
        raise ValidationError(f"{str(error).splitlines()[0]}.", code="invalid") from None
