"""Registers the site's specs by name. Each app's `imports.py` is loaded at start, like `admin.py`."""

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

from importer.exceptions import UnknownSpec
from importer.specs.spec import ModelImport
from importer.specs.stored import is_stored, stored_spec

_specs: dict[str, type[ModelImport]] = {}

Spec = TypeVar("Spec", bound=type[ModelImport])


def register(spec: Spec) -> Spec:
    """Register a spec under its `Meta.name` (a class decorator).

    Raises ImproperlyConfigured if another spec has the name.
    """
    name = spec.options.name
    registered = _specs.get(name)
    if registered is not None and (registered.__module__, registered.__qualname__) != (
        spec.__module__,
        spec.__qualname__,
    ):
        raise ImproperlyConfigured(
            f'Two import specs are named "{name}": {registered.__module__}.{registered.__qualname__} and '
            f"{spec.__module__}.{spec.__qualname__}. Give one of them another Meta.name."
        )
    _specs[name] = spec
    return spec


@contextmanager
def temporarily(*specs: type[ModelImport]) -> Iterator[None]:
    """Register specs within the block; they may replace others. For tests."""
    before = dict(_specs)
    _specs.update({spec.options.name: spec for spec in specs})
    try:
        yield
    finally:
        _specs.clear()
        _specs.update(before)


def get_spec(name: str) -> type[ModelImport]:
    """Return the spec with this name; "mapping:12" is one that is stored in the database.

    Raises UnknownSpec, which suggests the nearest name, and MappingRefused for a stored one that is not valid any more.
    """
    if name in _specs:
        return _specs[name]
    if is_stored(name):
        return stored_spec(name)
    nearest = get_close_matches(name, _specs, n=1)
    hint = f'did you mean "{nearest[0]}"?' if nearest else f"known: {', '.join(sorted(_specs)) or 'none'}."
    raise UnknownSpec(f'No import spec is named "{name}"; {hint}')


def all_specs() -> dict[str, type[ModelImport]]:
    return dict(sorted(_specs.items()))
