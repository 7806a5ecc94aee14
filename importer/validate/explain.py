"""Which lane each field takes, and why."""

from django.db import models

from importer.specs.mapping import row_lane, unique_groups
from importer.specs.paths import refuse_unknown_paths
from importer.specs.spec import Column, Lookup, ModelImport
from importer.specs.unsupported import unheeded
from importer.validate.lanes import AnyField, lane_of
from importer.validate.transform import VECTORISED, fixed_layout


def explain(spec: type[ModelImport]) -> str:
    """A table in plain text: field, column, lane, reason; then what happens to the record as a whole."""
    refuse_unknown_paths(spec)
    options = spec.options
    rows = [("field", "column", "lane", "because")]
    rows += [_row(spec, field) for field in options.model._meta.concrete_fields if _is_filled(spec, field)]
    widths = [max(len(row[index]) for row in rows) for index in range(3)]
    lines = [f"{options.name} → {options.model._meta.label} ({options.model._meta.db_table})"]
    lines += [
        "  " + "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]])
        for row in rows
    ]
    key = ", ".join(options.key) or "none: every record is inserted"
    lines.append(f"  key        {key}" + (f"; on conflict {options.on_conflict}" if options.key else ""))
    lines.append(
        f"  record     {row_lane(spec) or 'by columns: neither clean() nor clean_record() is defined'}"
    )
    groups = ["+".join(f.name for f in group) for group in unique_groups(options.model)]
    lines.append(f"  unique     {', '.join(groups) or 'nothing'}, checked by the database")
    lines += [f"  not heeded {what}" for what in unheeded(options.model)]
    lines.append(f"  write      {_write(spec)}")
    return "\n".join(lines)


def _is_filled(spec: type[ModelImport], field: AnyField) -> bool:
    if field.name in spec.declared:
        return True
    chosen = spec.options.fields
    if chosen is None:
        return field.editable and not isinstance(field, models.AutoField)  # (BigAutoField counts as one)
    return field.name in chosen


def _row(spec: type[ModelImport], field: AnyField) -> tuple[str, str, str, str]:
    declared = spec.declared.get(field.name)
    if field.is_relation:
        lookup = declared if isinstance(declared, Lookup) else Lookup()
        return field.name, ", ".join(lookup.columns or (field.name,)), "lookup", f"by {', '.join(lookup.to)}"
    column = declared if isinstance(declared, Column) else Column()
    lane, why = _lane(field, column)
    return field.name, column.name or field.name, lane, why


def _lane(field: AnyField, column: Column) -> tuple[str, str]:
    lane = lane_of(field)
    own = [t for t in column.transforms if t not in VECTORISED]
    if lane.fast is None:
        return "distinct", lane.why
    if own:
        name = getattr(own[0], "__name__", "a function")
        return "distinct + fast", f"{name}() is called per distinct value, then {lane.why}"
    if column.formats and (fixed_layout(column.formats[0]) is None or column.transforms):
        return "distinct", f"the format {column.formats[0]} is read by strptime"
    return "fast", lane.why


def _write(spec: type[ModelImport]) -> str:
    options = spec.options
    key = {options.model._meta.get_field(name) for name in options.key}
    is_unique = any(set(group) <= key for group in unique_groups(options.model))
    if options.on_conflict == "reject" and (not key or is_unique):
        return "COPY into the table; by way of a temporary table where something collides"
    warning = "" if is_unique else " (no unique constraint covers the key: slow on large tables)"
    return f"COPY into a temporary table, then compared with the table by its key{warning}"
