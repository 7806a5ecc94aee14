"""Reads PostgreSQL's own text forms, in addition to the texts that the fields of Django read."""

from collections.abc import Callable
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from importer.specs.mapping import AnyField

# text → the value of the form, or the text itself, which Django reads
Form = Callable[[str], Any]


def form_of(field: AnyField, connection: BaseDatabaseWrapper) -> Form | None:
    """Return the function that reads the form of a field's type; None if Django reads all there is."""
    if isinstance(field, models.BinaryField):
        return _bytes
    return None


def _bytes(text: str) -> Any:
    """Read `\\x` and hexadecimal digits. Django reads base64, which never has this form: its length would be odd."""
    if not text.startswith("\\x"):
        return text
    try:
        return bytes.fromhex(text[2:])
    except ValueError:
        return text
