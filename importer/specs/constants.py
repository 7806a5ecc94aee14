"""Checks the constants of a spec, each once, as its field checks a value."""

import datetime as dt
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from importer.specs.spec import ModelImport


def cleaned_constant(spec: type[ModelImport], name: str) -> Any:
    """Return the value that a constant gives its field. Raises ValidationError."""
    field: Any = spec.options.model._meta.get_field(name)
    value = spec.constants[name].value
    if field.is_relation:
        if value is None and not field.null:
            raise ValidationError(field.error_messages["null"], code="null")
        return field.to_python(getattr(value, "pk", value))  # whether the parent exists, the database tells
    if not (field.blank and value in field.empty_values):
        value = field.clean(value, spec.options.model())
    if isinstance(value, dt.datetime) and settings.USE_TZ and timezone.is_naive(value):
        return timezone.make_aware(value, timezone.get_default_timezone())
    return value


def invalid_constants(spec: type[ModelImport]) -> list[str]:
    """Return one sentence for each constant that its field does not accept."""
    reasons = []
    for name, constant in spec.constants.items():
        try:
            cleaned_constant(spec, name)
        except ValidationError as error:
            reasons.append(
                f'{spec.__qualname__}: the constant {str(constant.value)!r} is not valid for "{name}": '
                f"{' '.join(error.messages)}"
            )
    return reasons
