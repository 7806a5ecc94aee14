"""Writes a stored mapping as a spec in Python, for whoever wants it in code. Reasons are not stored with it."""

from collections.abc import Iterator, Mapping
from typing import Any

from importer.models import ImportMapping
from importer.specs.stored import OF_META, spec_of
from importer.suggest.python.literals import INDENT, Name, plain, quoted, with_comment, wrapped_text, written


def mapping_as_python(mapping: ImportMapping) -> str:
    """Write a complete module with one spec that does what the mapping does. Raises MappingRefused."""
    model = spec_of(mapping).options.model
    options = mapping.options
    body = [*_meta(model, options), "", *_declarations(options)]
    words = ("Column", "Constant", "Dialect", "Lookup")
    used = [word for word in words if any(f" = {word}(" in line for line in body)]
    lines = [
        f'"""Imports into {model._meta.label}, as the mapping {plain(str(mapping)).strip(chr(34))[:60]} does.',
        "",
        *wrapped_text(_command(model, options), 112),
        '"""',
        "",
        f"from importer import {', '.join([*used, 'ModelImport', 'register'])}",
        f"from {model.__module__} import {model.__qualname__.partition('.')[0]}",
        "",
        "",
        "@register",
        f"class {model._meta.object_name}Import(ModelImport):",
        *(f"{INDENT}{line}" if line else "" for line in body),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _command(model: Any, options: Mapping[str, Any]) -> str:
    words = ["manage.py create_import", model._meta.label_lower, "FILE"]
    for name in ("format", "encoding", "sheet"):
        if options.get(name) and options[name] != "utf-8":
            words += [f"--{name}", plain(options[name])]
    return " ".join(words)


def _meta(model: Any, options: Mapping[str, Any]) -> Iterator[str]:
    yield "class Meta:"
    yield f"{INDENT}model = {model.__qualname__}"
    if options.get("key"):
        yield f"{INDENT}key = {written(tuple(options['key']))}"
    for name in OF_META:
        if name in options:
            yield from with_comment(1, f"{name} = {_literal(options[name])}", "")
    yield from with_comment(1, "fields = ()", "only the fields that are declared below")
    if options.get("dialect"):
        yield f"{INDENT}dialect = Dialect("
        for part, value in options["dialect"].items():
            yield from with_comment(2, f"{part}={_literal(value)},", "")
        yield f"{INDENT})"


def _declarations(options: Mapping[str, Any]) -> Iterator[str]:
    for field, given in options.get("fields", {}).items():
        own = {key: _literal(value) for key, value in given.items() if key not in ("column", "strip")}
        strip = {"transform": Name("str.strip")} if given.get("strip") else {}
        yield from _declared(field, "Column", quoted(given.get("column", field)), strip | own)
    for field, given in options.get("lookups", {}).items():
        own = {key: _literal(value) for key, value in given.items() if key != "columns"}
        yield from _declared(field, "Lookup", _literal(given.get("columns", [field])), own)
    for field, value in options.get("constants", {}).items():
        yield from _declared(field, "Constant", _literal(value), {})


def _declared(field: str, kind: str, first: str, arguments: Mapping[str, str]) -> Iterator[str]:
    written_out = ", ".join([first, *(f"{key}={value}" for key, value in arguments.items())])
    yield from with_comment(0, f"{field} = {kind}({written_out})", "")


def _literal(value: Any) -> str:
    return written(tuple(value) if isinstance(value, list) else value)
