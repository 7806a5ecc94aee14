"""Finds what the site's code changed in instances, a field at a time for all of them."""

from collections.abc import Iterator
from operator import is_
from typing import Any

from django.db import models

from importer.validate.values.python import IMMUTABLE, copied

ABSENT = object()


class States:
    """The values of the saved fields of numbered instances, at the moment when this is made."""

    def __init__(self, instances: dict[int, models.Model], fields: list[tuple[Any, str]]) -> None:
        self.fields = fields
        self.numbers = list(instances)
        self.states = [vars(instance) for instance in instances.values()]
        self.before = {name: _kept(self._values(name)) for _, name in fields}

    def changes(self) -> Iterator[tuple[Any, dict[int, Any]]]:
        """Yield the fields that differ now, each with the new values by the number of the instance."""
        for field, name in self.fields:
            now, before = self._values(name), self.before[name]
            if all(map(is_, now, before)) and _are_immutable(now):
                continue
            numbered = zip(self.numbers, now, before, strict=True)
            yield (
                field,
                {n: value for n, value, old in numbered if old is not ABSENT and not is_same(value, old)},
            )

    def _values(self, name: str) -> list[Any]:
        return [state.get(name, ABSENT) for state in self.states]


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal and of the same type: True is not 1, not even within a list."""
    if type(one) is not type(other) or one != other:
        return False
    return not isinstance(one, dict | list) or repr(one) == repr(other)


def _kept(values: list[Any]) -> list[Any]:
    """Return the values, or copies of those that could be changed in place."""
    return (
        values
        if _are_immutable(values)
        else [copied(value) if value is not ABSENT else value for value in values]
    )


def _are_immutable(values: list[Any]) -> bool:
    return set(map(type, values)) <= IMMUTABLE
