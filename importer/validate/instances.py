"""Builds a model's instances for `clean()`, as `Model(**values)` does, without what no model notices."""

import inspect
from collections.abc import Callable
from typing import Any

from django.db import models
from django.db.models.base import ModelState
from django.db.models.fields import NOT_PROVIDED
from django.db.models.fields.files import FileDescriptor
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import post_init, pre_init

# What Django puts in the class for a field; others may convert what is assigned to them.
PLAIN = (DeferredAttribute, ForeignKeyDeferredAttribute, FileDescriptor)


class Instances:
    """Builds instances of a model from values of some of its fields; the others have their defaults."""

    def __init__(self, model: type[models.Model], given: set[str]) -> None:
        self.model = model
        fields: list[Any] = [f for f in model._meta.concrete_fields if not getattr(f, "generated", False)]
        others = [f for f in fields if f.attname not in given]
        self.constants = {f.attname: f.get_default() for f in others if not _is_made_anew(f)}
        self.makers: list[tuple[str, Callable[[], Any]]] = [
            (f.attname, f.get_default) for f in others if _is_made_anew(f)
        ]
        self.is_plain = _is_plain(model, fields)

    def build(self, values: dict[str, Any]) -> models.Model:
        """Return an instance with these values, by the fields' attribute names."""
        if not self.is_plain:
            return self.model(**values)
        instance = object.__new__(self.model)
        state: dict[str, Any] = {"_state": ModelState()} | self.constants
        for name, make in self.makers:
            state[name] = make()
        instance.__dict__ = state | values
        return instance


def _is_made_anew(field: Any) -> bool:
    """Tell whether each instance gets a default of its own."""
    is_left_to_database = getattr(field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED
    return is_left_to_database or (field.has_default() and callable(field.default))


def _is_plain(model: type[models.Model], fields: list[Any]) -> bool:
    """Tell whether `Model.__init__()` does nothing with the model but to set its attributes."""
    is_own = model.__init__ is not models.Model.__init__ or model.__new__ is not object.__new__
    is_heard = pre_init.has_listeners(model) or post_init.has_listeners(model)
    if is_own or is_heard or model.__setattr__ is not object.__setattr__:
        return False
    return all(type(inspect.getattr_static(model, f.attname, None)) in PLAIN for f in fields)
