"""Builds specs from mappings that are stored in the database: "mapping:12" is the name of such a spec.

The options of a mapping are data: names of columns and fields, formats, words. They name no code and no path, and are
checked here each time, whoever has written them. A version never changes, so every worker of a job reads the same.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import models
from django.db.models import QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from importer.exceptions import MappingRefused, UnknownSpec
from importer.models import ImportMapping
from importer.specs.declarations import Column, Constant, Lookup
from importer.specs.dialect import Dialect
from importer.specs.offered import is_sensitive, offered_fields
from importer.specs.spec import ModelImport

NAME = re.compile(r"mapping:([1-9][0-9]{0,17})")
# Texts and lists in the options, and entries of lists and objects. No file needs more; a hostile one has them.
LONGEST, MOST = 500, 5_000


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST and "\0" not in value


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MOST and all(map(_is_text, value))


def _is_words(value: Any) -> bool:
    return isinstance(value, dict) and len(value) <= MOST and all(map(_is_text, (*value, *value.values())))


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float) or _is_text(value)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and len(value) <= MOST


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


# The keys of the options, of each field and of each lookup, with what their values must be.
OPTIONS: dict[str, Callable[[Any], bool]] = {
    "format": _is_text, "encoding": _is_text, "sheet": _is_text, "dialect": _is_object, "key": _is_texts,
    "on_conflict": _is_text, "on_new": _is_text, "duplicates": _is_text, "null_values": _is_texts,
    "fields": _is_object, "lookups": _is_object, "constants": _is_object,
}  # fmt: skip
OF_FIELD: dict[str, Callable[[Any], bool]] = {
    "column": _is_text, "formats": _is_texts, "decimal": _is_text, "thousands": _is_text, "true": _is_texts,
    "false": _is_texts, "null_values": _is_texts, "strip": _is_bool, "values": _is_words, "default": _is_scalar,
    "blank": _is_text,
}  # fmt: skip
OF_LOOKUP: dict[str, Callable[[Any], bool]] = {
    "columns": _is_texts, "to": _is_texts, "missing": _is_text, "null_values": _is_texts,
}  # fmt: skip
OF_META = ("on_conflict", "on_new", "duplicates", "null_values")


def is_stored(name: str) -> bool:
    """Tell whether a spec of this name would be stored, not registered."""
    return name.startswith("mapping:")


def stored_spec(name: str) -> type[ModelImport]:
    """Return the spec of a stored mapping. Raises UnknownSpec if there is none, MappingRefused if it is invalid."""
    return spec_of(_mapping(name))


def names_of(labels: Collection[str]) -> QuerySet[ImportMapping, str]:
    """Return the names of the stored specs of these models, as a query."""
    name = Concat(Value("mapping:"), Cast("pk", models.CharField()))
    return ImportMapping.objects.filter(model__in=labels).annotate(spec=name).values_list("spec", flat=True)


def model_of(name: str) -> type[models.Model]:
    """Return the model of a stored spec, whether or not it is valid. Raises UnknownSpec, MappingRefused."""
    return _model(_mapping(name).model)


def note_use(name: str) -> None:
    """Note that a job has been made with a stored spec."""
    if match := NAME.fullmatch(name):
        ImportMapping.objects.filter(pk=int(match[1])).update(used_at=timezone.now())


def spec_of(mapping: ImportMapping) -> type[ModelImport]:
    """Build the spec that a mapping describes. Raises MappingRefused, in one line, for anything that is not allowed."""
    return build_spec(mapping.model, mapping.options, name=mapping.spec_name)


def build_spec(label: str, options: Mapping[str, Any], *, name: str) -> type[ModelImport]:
    """Build a spec from the options of a mapping. Raises MappingRefused."""
    try:
        return _built(_model(label), options, name)
    except ImproperlyConfigured as error:
        raise MappingRefused(f"{name}: {error}") from None


def column_of(name: str, options: Mapping[str, Any]) -> Column:
    """Return the `Column` that the options of a field describe."""
    arguments = {key: value for key, value in options.items() if key not in ("strip", "column")}
    return Column(name, transform=str.strip if options.get("strip") else None, **arguments)


def _mapping(name: str) -> ImportMapping:
    match = NAME.fullmatch(name)
    mapping = ImportMapping.objects.filter(pk=int(match[1])).first() if match else None
    if mapping is None:
        raise UnknownSpec(f'There is no mapping "{name}"; it may have been deleted.')
    return mapping


def _model(label: str) -> type[models.Model]:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        raise MappingRefused(f'There is no model "{label}"; is its app installed?') from None


def _built(model: type[models.Model], options: Mapping[str, Any], name: str) -> type[ModelImport]:
    _check_keys(name, "the options", options, OPTIONS)
    offered = {field.name: field for field in offered_fields(model)}
    declarations: dict[str, Any] = {}
    for field, given in options.get("fields", {}).items():
        _refuse_other_fields(name, model, field, offered)
        _check_keys(name, f'the field "{field}"', given, OF_FIELD)
        declarations[field] = column_of(given.get("column", field), given)
    for field, given in options.get("lookups", {}).items():
        _refuse_other_fields(name, model, field, offered)
        _check_keys(name, f'the lookup "{field}"', given, OF_LOOKUP)
        for path in given.get("to", []):
            _refuse_other_path(name, offered[field], path)
        declarations[field] = Lookup(**given)
    for field, value in options.get("constants", {}).items():
        _refuse_other_fields(name, model, field, offered)
        if not _is_scalar(value):
            raise MappingRefused(
                f'{name}: the constant of "{field}" is not a text, a number, true, false or null.'
            )
        declarations[field] = Constant(value)
    meta = {option: options[option] for option in OF_META if option in options}
    meta |= {
        "model": model,
        "name": name,
        "fields": (),
        "dialect": _dialect(name, options.get("dialect", {})),
    }
    if options.get("key"):
        meta["key"] = tuple(options["key"])
    # A class like those that sites write; its name is what messages call it.
    return type(
        name, (ModelImport,), {**declarations, "Meta": type("Meta", (), meta), "__module__": __name__}
    )


def _dialect(name: str, parts: Mapping[str, Any]) -> Dialect:
    unknown = sorted(set(parts) - set(Dialect.__dataclass_fields__))
    if unknown:
        raise MappingRefused(f'{name}: the dialect has no part "{unknown[0][:60]}".')
    for part, value in parts.items():
        if not (_is_scalar(value) or _is_texts(value) or (part == "widths" and isinstance(value, list))):
            raise MappingRefused(f'{name}: the part "{part}" of the dialect is invalid.')
    try:
        return Dialect(**parts)
    except TypeError:
        raise MappingRefused(f"{name}: a part of the dialect has a value of the wrong kind.") from None


def _check_keys(name: str, what: str, given: Any, known: Mapping[str, Callable[[Any], bool]]) -> None:
    if not _is_object(given):
        raise MappingRefused(f"{name}: {what} must be an object.")
    for key, value in given.items():
        if key not in known:
            raise MappingRefused(
                f'{name}: {what} has an unknown key "{str(key)[:60]}"; known: {", ".join(known)}.'
            )
        if not known[key](value):
            raise MappingRefused(f'{name}: {what} has an invalid value for "{key}".')


def _refuse_other_fields(
    name: str, model: type[models.Model], field: str, offered: Mapping[str, Any]
) -> None:
    if field not in offered:
        raise MappingRefused(
            f'{name}: "{field[:60]}" is not a field of {model._meta.label} that a mapping may fill; it may fill '
            f"{', '.join(offered)}."
        )


def _refuse_other_path(name: str, field: Any, path: str) -> None:
    """Refuse to find parents by anything but a field of theirs that is not sensitive: a match tells its value."""
    if path == "pk":
        return
    try:
        target = field.related_model._meta.get_field(path) if field.related_model else None
    except FieldDoesNotExist:
        target = None
    if target is None or target.is_relation or is_sensitive(path):
        raise MappingRefused(
            f'{name}: the lookup "{field.name}" cannot find rows by "{path[:60]}"; name a field of theirs.'
        )
