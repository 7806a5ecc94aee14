"""Recognises the `clean()` that Django brings for users. It changes single values, so columns can do it.

`AbstractBaseUser.clean()` normalises the user name, `AbstractUser.clean()` the e-mail address as well. Both call
functions of the model and its manager, which a site may override; the same functions are called for the columns.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from django.db import models

from importer.specs.mapping import ColumnPlan, Fill
from importer.specs.spec import ModelImport

# Fields whose value in Python is the text that is saved.
TEXTS = (models.CharField, models.EmailField, models.SlugField, models.TextField)
BASE_USER = ("django.contrib.auth.base_user", "AbstractBaseUser")
USER = ("django.contrib.auth.models", "AbstractUser")


def with_normalized(
    spec: type[ModelImport], plans: Sequence[ColumnPlan], fills: Sequence[Fill]
) -> tuple[ColumnPlan, ...] | None:
    """Return the plans with what `clean()` does to their values; None if it does, or may do, anything else."""
    normalizers = _normalizers(spec.options.model)
    if normalizers is None or spec.cleans_records():
        return None
    by_name = {plan.field.name: plan for plan in plans}
    for name, normalize in normalizers.items():
        plan = by_name.get(name)
        if plan is None and not _stays_as_it_is(spec, name, normalize, fills):
            return None
        if plan is not None and (plan.keeps or type(plan.field) not in TEXTS):
            return None
    return tuple(replace(plan, normalize=normalizers.get(plan.field.name)) for plan in plans)


def _normalizers(model: Any) -> dict[str, Callable[[Any], Any]] | None:
    """Return what `clean()` does, by field; None if it is not Django's own."""
    owners = [(c.__module__, c.__qualname__) for c in model.__mro__ if "clean" in vars(c)]
    if owners[0] == BASE_USER or owners[:2] == [USER, BASE_USER]:
        if "get_username" in (name for c in model.__mro__ for name in vars(c) if not _is_djangos(c)):
            return None
        normalizers = {model.USERNAME_FIELD: model.normalize_username}
        if owners[0] == USER:
            normalize_email = getattr(getattr(model, "objects", None), "normalize_email", None)
            if normalize_email is None:
                return None
            first = normalizers.get("email")
            normalizers["email"] = (lambda value: normalize_email(first(value))) if first else normalize_email
        return normalizers
    return None


def _is_djangos(cls: type) -> bool:
    return (cls.__module__, cls.__qualname__) == BASE_USER


def _stays_as_it_is(
    spec: type[ModelImport], name: str, normalize: Callable[[Any], Any], fills: Sequence[Fill]
) -> bool:
    """Tell whether a field that no column fills has a value that `clean()` leaves alone, in new rows only."""
    fill = next((fill for fill in fills if fill.field.name == name), None)
    if fill is None or fill.per_record or spec.options.on_conflict == "update":
        return False
    value = fill.make()
    return bool(normalize(value) == value)
