"""Words violations of constraints as Django does."""

from typing import Any

from django.db import models


def fields_of(constraint: models.CheckConstraint) -> set[str]:
    condition: Any = constraint.condition
    return set(getattr(condition, "referenced_base_fields", ()))


def has_own_words(constraint: models.UniqueConstraint, names: tuple[str, ...]) -> bool:
    is_whole = constraint.condition is None and constraint.fields == names
    return is_whole and constraint.violation_error_message != constraint.default_violation_error_message


def constraint_code(constraint: models.BaseConstraint) -> str:
    """The constraint's own code, or what Django calls such a violation elsewhere."""
    names = {models.UniqueConstraint: "unique", models.CheckConstraint: "check"}
    return constraint.violation_error_code or names.get(type(constraint), type(constraint).__name__.lower())
