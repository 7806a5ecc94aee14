"""Encodes values as the text that PostgreSQL reads, the form in which a batch reaches COPY."""

import datetime as dt
import uuid
import zoneinfo
from typing import Any

from django.core.exceptions import ValidationError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.range import Range


class Encoder:
    """Encodes with psycopg's own dumpers, so it handles every type that Django can save."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        connection.ensure_connection()
        self.connection = connection
        self.zone = zoneinfo.ZoneInfo(connection.timezone_name)
        self.transformer = Transformer(connection.connection)

    def field_text(self, field: Any, value: Any) -> str | None:
        """Encode a field's value as `save()` would prepare it. Raises what the field or psycopg raise."""
        value = field.get_db_prep_save(value, self.connection)
        self._refuse_unreadable(value)
        if value is None or type(value) is str:
            return value
        if type(value) is float and not value:
            return "0.0"  # a literal, as `save()` sends it, has no negative zero
        if isinstance(value, uuid.UUID):
            return str(value)  # PostgreSQL's own form, so that equal keys are equal texts
        dumped = self.transformer.get_dumper(value, PyFormat.TEXT).dump(value)
        return None if dumped is None else bytes(dumped).decode()

    def _refuse_unreadable(self, value: Any) -> None:
        """Raise ValidationError for a moment that leaves the calendar in UTC or in the connection's time zone.

        PostgreSQL would store it, but the ORM could not read the row again.
        """
        if isinstance(value, dt.datetime) and value.tzinfo is not None:
            try:
                value.astimezone(dt.UTC).astimezone(self.zone)
            except OverflowError:
                zones = " and ".join(dict.fromkeys(("UTC", str(self.zone))))
                message = f"{value} is not within the years 1 to 9999 in {zones}."
                raise ValidationError(message, code="invalid_datetime") from None
        elif isinstance(value, list | tuple):
            for part in value:
                self._refuse_unreadable(part)
        elif isinstance(value, Range):
            self._refuse_unreadable((value.lower, value.upper))
