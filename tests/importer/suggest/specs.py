"""Provides a mapping to keep, and runs a module that a suggestion has written."""

from typing import Any

from importer.models import ImportMapping
from importer.specs.spec import ModelImport
from importer.suggest import mapping as mappings
from tests.importer.samples.crm.models import Contact

OPTIONS: dict[str, Any] = {
    "format": "csv",
    "encoding": "cp1252",
    "dialect": {"delimiter": ";", "skip_lines": 1},
    "key": ["legacy_id"],
    "on_conflict": "update",
    "null_values": ["", "k.A."],
    "fields": {
        "legacy_id": {"column": "Nr"},
        "email": {"column": "Mail", "strip": True},
        "role": {"column": "Rolle", "values": {"Chef": "admin", "Mitarbeiter": "user"}},
        "joined": {"column": "Seit", "formats": ["%d.%m.%Y"]},
        "balance": {"column": "Saldo", "decimal": ",", "thousands": "."},
    },
    "lookups": {"company": {"columns": ["Firma"], "to": ["code"], "missing": "null"}},
    "constants": {"first_name": "Ü"},
}
COLUMNS = ["Nr", "Mail", "Rolle", "Seit", "Saldo", "Firma"]


def kept(options: dict[str, Any] = OPTIONS, model: Any = Contact, name: str = "Contacts") -> ImportMapping:
    return mappings.keep(name, model, COLUMNS, options)


def spec_in(text: str) -> type[ModelImport]:
    """Run a module's text as a site would import it, but leave the registry alone."""
    names: dict[str, Any] = {"__name__": "suggested"}
    exec(compile(text.replace("@register\n", ""), "suggested", "exec"), names)
    return next(v for v in names.values() if isinstance(v, type) and v.__module__ == "suggested")
