"""Encodes values as the text that PostgreSQL reads, the form in which a batch reaches COPY."""

import uuid
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.adapt import PyFormat, Transformer


class Encoder:
    """Encodes with psycopg's own dumpers, so it handles every type that Django can save."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        connection.ensure_connection()
        self.connection = connection
        self.transformer = Transformer(connection.connection)

    def field_text(self, field: Any, value: Any) -> str | None:
        """Encode a field's value as `save()` would prepare it. Raises what the field or psycopg raise."""
        value = field.get_db_prep_save(value, self.connection)
        if value is None or type(value) is str:
            return value
        if isinstance(value, uuid.UUID):
            return str(value)  # PostgreSQL's own form, so that equal keys are equal texts
        dumped = self.transformer.get_dumper(value, PyFormat.TEXT).dump(value)
        return None if dumped is None else bytes(dumped).decode()
