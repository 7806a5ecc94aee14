"""Tells whether a job's source and mapping are still those that were approved."""

import hashlib
import inspect
from typing import Any

from importer.models import DataImportJob
from importer.specs.mapping import ColumnPlan, LookupPlan, Mapping


def source_print(job: DataImportJob) -> str:
    """Return what identifies a planned source; empty for a table, which has no identity."""
    return "|".join((job.source_hash, job.source_mark)).strip("|")


def mapping_print(mapping: Mapping) -> str:
    """Return a hash of what the mapping does: its plans, and the code of the site that it calls."""
    spec = mapping.spec
    told = [
        mapping.model._meta.label,
        *(_column(plan) for plan in mapping.columns),
        *(_lookup(plan) for plan in mapping.lookups),
        *(f"{plan.field.name} {plan.column} {plan.separator!r} {_lookup(plan.lookup)}" for plan in mapping.manys),
        *(f"{fill.field.name} = {fill.make()!r}" for fill in mapping.fills if fill.is_constant),
        *(f"{f.name}" for f in mapping.key),
        mapping.on_conflict, mapping.on_new, mapping.duplicates,
        _code(spec.clean_record) if spec.cleans_records() else "",
        _code(mapping.model.clean) if mapping.cleans_model else "",
    ]  # fmt: skip
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _column(plan: ColumnPlan) -> str:
    parts = [
        plan.field.name, plan.column, plan.target, sorted(plan.null_values), plan.formats, plan.notation, plan.keeps,
        _value(plan.default), *map(_code, plan.transforms),
    ]  # fmt: skip
    return repr(parts)


def _lookup(plan: LookupPlan) -> str:
    defaults = sorted((name, _value(value)) for name, value in plan.defaults)
    parts = [
        plan.field.name,
        plan.parent._meta.label,
        plan.to,
        plan.missing,
        *map(_column, plan.parts),
        defaults,
    ]
    return repr(parts)


def _value(value: Any) -> str:
    return _code(value) if callable(value) else repr(value)


def _code(called: Any) -> str:
    """Return the source of a function, or its name where there is none, as of builtins."""
    try:
        return inspect.getsource(called)
    except (OSError, TypeError):
        return str(getattr(called, "__qualname__", type(called).__qualname__))
