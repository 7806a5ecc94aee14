"""Cleans each distinct value once with the field's own `clean()`, and remembers the answer."""

import datetime as dt
import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError, models
from django.utils import timezone
from psycopg import Error as PsycopgError

from importer.conf import conf
from importer.records import NOT_TEXT, RecordError, escaped, shown
from importer.specs.mapping import ColumnPlan
from importer.validate.values.encode import Encoder
from importer.validate.values.notation import plain_text
from importer.validate.values.postgres_forms import form_of

# Longer texts are judged each time, so that the memory of `MEMO_VALUES` values stays bounded.
REMEMBERED_CHARACTERS = 1_000
# What fields, and psycopg's dumpers, raise besides ValidationError for a value that cannot be saved.
UNSAVABLE = (ValueError, TypeError, AttributeError, ArithmeticError, DatabaseError, PsycopgError)
# Shows people how a format writes a date: no two of its parts are alike.
EXAMPLE = dt.datetime(2026, 12, 31, 23, 59, 58, tzinfo=dt.UTC)
# A value's text for PostgreSQL, and the errors if it has any.
Verdict = tuple[str | None, tuple[RecordError, ...]]


class Judge:
    """Judges the texts of one column for one field.

    A text passes the column's transforms and formats, then `field.clean()`, then the encoding that `save()` would send.
    A part of a lookup's key is only read by `to_python()` and not validated.
    """

    def __init__(self, plan: ColumnPlan, encoder: Encoder) -> None:
        self.plan = plan
        self.field = plan.field
        self.encoder = encoder
        self.form = form_of(plan.field, encoder.connection)
        self.default = plan.default if plan.has_default else None
        self.instance = None if plan.is_lenient else plan.field.model()
        self.remembers = conf.MEMO_VALUES
        self._memory: dict[str | None, Verdict] = {}

    def __call__(self, text: str | None) -> Verdict:
        verdict = self._memory.get(text)
        if verdict is None:
            verdict = self._judge(text)
            if text is None or len(text) <= REMEMBERED_CHARACTERS:
                if len(self._memory) >= self.remembers:
                    self._memory.clear()
                self._memory[text] = verdict
        return verdict

    def python_value(self, text: str | None) -> Any:
        """Return the cleaned Python value of an accepted text."""
        value = self._clean(deepcopy(self.default) if text is None else self._read(text))
        # BinaryField decodes base64 to a view, which cannot be copied or compared with bytes of the database.
        return bytes(value) if isinstance(value, memoryview) else value

    def _judge(self, text: str | None) -> Verdict:
        if text is not None and text.startswith(NOT_TEXT):
            beginning = shown(text.removeprefix(NOT_TEXT))
            return None, (
                RecordError(self.plan.reports_as, "undecodable", "The bytes are not valid UTF-8.", beginning),
            )
        try:
            value: Any = deepcopy(self.default) if text is None else self._read(text)
            encoded = self.encoder.field_text(self.field, self._aware(self._clean(value)))
        except ValidationError as error:
            return None, tuple(as_errors(self.plan.reports_as, error, text))
        except UNSAVABLE as error:
            message = f'Invalid value "{shown(text or "")}": {error}.'
            return None, (RecordError(self.plan.reports_as, "invalid", message, _value(text)),)
        if encoded is not None and "\0" in encoded:
            message = "Null characters are not allowed."
            return None, (
                RecordError(self.plan.reports_as, "null_characters_not_allowed", message, _value(text)),
            )
        if encoded is not None and not encoded.isascii() and not _is_unicode(encoded):
            return None, (
                RecordError(self.plan.reports_as, "undecodable", "Not valid Unicode.", _value(text)),
            )
        return encoded, ()

    def _read(self, text: str) -> Any:
        value: Any = text
        for transform in self.plan.transforms:
            value = _call(transform, value)
        if self.plan.notation and isinstance(value, str):
            value = plain_text(value, self.plan.notation)
        if self.plan.formats and isinstance(value, str):
            value = self._parse_time(value)
        if isinstance(self.field, models.JSONField) and isinstance(value, str):
            return self._parse_json(value)
        if self.form is not None and isinstance(value, str):
            return self.form(value)
        return value

    def _parse_time(self, text: str) -> dt.date | dt.time:
        for format_ in self.plan.formats:
            try:
                moment = dt.datetime.strptime(text, format_)  # noqa: DTZ007 (made aware on the way to the database)
            except ValueError:
                continue
            if isinstance(self.field, models.DateTimeField):
                return moment
            return moment.time() if isinstance(self.field, models.TimeField) else moment.date()
        raise ValidationError(
            "“%(value)s” is not a valid %(kind)s; write it like %(examples)s.",
            code="invalid",
            params={
                "value": shown(text),
                "kind": "time" if isinstance(self.field, models.TimeField) else "date",
                "examples": " or ".join(EXAMPLE.strftime(format_) for format_ in self.plan.formats),
            },
        )

    def _parse_json(self, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise ValidationError("Value must be valid JSON.", code="invalid") from None

    def _clean(self, value: Any) -> Any:
        field = self.field
        if self.plan.is_lenient:
            return field.to_python(value)
        if value is None and not field.null and field.empty_strings_allowed and field.blank:
            value = ""  # Django's convention for no value in a text column
        if field.blank and value in field.empty_values:
            return value  # as Model.clean_fields does
        return field.clean(value, self.instance)

    def _aware(self, value: Any) -> Any:
        """Make a naive time aware, as DateTimeField does on saving, but without its warning for each value."""
        if isinstance(value, dt.datetime) and settings.USE_TZ and timezone.is_naive(value):
            return timezone.make_aware(value, timezone.get_default_timezone())
        return value


def _call(transform: Callable[[Any], Any], value: Any) -> Any:
    try:
        return transform(value)
    except ValidationError:
        raise
    except Exception as error:
        # A site's transform may raise anything. It rejects this value and does not stop the job.
        name = getattr(transform, "__name__", type(transform).__name__)
        raise ValidationError(
            f"{name}() failed: {type(error).__name__}: {error}", code="transform_failed"
        ) from None


def as_errors(field: str, error: ValidationError, text: str | None = None) -> list[RecordError]:
    """Turn a ValidationError into reasons for a rejection. Fields that it names itself take precedence over `field`."""
    if hasattr(error, "error_dict"):
        return [
            RecordError("" if name == "__all__" else name, one.code or "invalid", _message(one), _value(text))
            for name, errors in error.error_dict.items()
            for one in errors
        ]
    return [
        RecordError(field, one.code or "invalid", _message(one), _value(text)) for one in error.error_list
    ]


def _message(error: ValidationError) -> str:
    try:
        return escaped(" ".join(error.messages))
    except (KeyError, TypeError, ValueError):
        # A field's own message in place of the validator's, which lacks the parameters (Django's for addresses).
        return escaped(str(error.message))


def _value(text: str | None) -> str | None:
    return None if text is None else shown(text)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
