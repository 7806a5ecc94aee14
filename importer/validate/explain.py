"""Explains a compiled mapping: which lane each field takes and why, and how records are written."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from importer.conf import conf
from importer.specs.compile import all_columns, compile_mapping
from importer.specs.faults.hooks import ignored_hooks
from importer.specs.faults.refuse import refuse_faults
from importer.specs.mapping import ColumnPlan, LookupPlan, ManyPlan, Mapping
from importer.specs.spec import ModelImport
from importer.validate.target import Target
from importer.validate.values.lanes import lane_of
from importer.validate.values.layouts import DIRECTIVES, layouts_of
from importer.validate.values.transform import VECTORISED, Way, own_transforms, way_of

# Processor time by lane: classes, since a spec does not know the values that it will meet.
COSTS = {
    "fast": "below 2 µs a value",
    "distinct + fast": "below 3 µs a value, and your function for each distinct one",
    "distinct": "7 to 50 µs a distinct value, and your own code",
}
FAST_TRANSFORMS = f"{', '.join(f'str.{f.__name__}' for f in VECTORISED)} are done by columns"
INDENT, LABEL, NARROWEST = 2, 11, 30
ADVICE = " " * 6


@dataclass(frozen=True, slots=True)
class Row:
    """A field's row of the table; `advice` stands below it."""

    field: str
    column: str
    lane: str
    because: str
    advice: str = ""


def explain(spec: type[ModelImport], width: int | None = None) -> str:
    """Return a table as plain text: field, column, lane, reason, advice; then what happens to the record as a whole.

    Lines are wrapped to `width`; None: each statement is one line. The source is taken to have a column for every
    field: a spec does not know its source. Raises MappingRefused, and TargetRefused if the database has no such table.
    """
    refuse_faults(spec)
    mapping = compile_mapping(spec, all_columns(spec), spec.options.dialect.as_dict())
    rows = [
        *(_column(plan) for plan in mapping.columns),
        *(_lookup(plan) for plan in mapping.lookups),
        *(_many(plan) for plan in mapping.manys),
    ]
    tables = " + ".join(table._meta.db_table for table in mapping.tables)
    title = f"{spec.options.name} → {mapping.model._meta.label} ({tables}), from a source with all of these columns"
    statements = [labelled(label, text, width) for label, text in _statements(mapping, rows)]
    return "\n".join([*_wrapped(title, "", width), *_table(rows, width), *statements])


def labelled(label: str, text: str, width: int | None) -> str:
    """Return a statement about the record as a whole."""
    return "\n".join(_wrapped(text, " " * INDENT + label.ljust(LABEL), width))


def _table(rows: list[Row], width: int | None) -> Iterator[str]:
    cells = [("field", "column", "lane"), *((row.field, row.column, row.lane) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]

    def start(*cells: str) -> str:
        return " " * INDENT + "".join(cell.ljust(w + 2) for cell, w in zip(cells, widths, strict=True))

    yield start("field", "column", "lane") + "because"
    for row in rows:
        yield from _wrapped(row.because, start(row.field, row.column, row.lane), width)
        if row.advice:
            yield from _wrapped(f"→ {row.advice}", ADVICE, width)


def _wrapped(text: str, start: str, width: int | None) -> list[str]:
    """Return the lines of a text, indented as far as the first one's `start`, or below it where it is too long."""
    if width is None or len(start + text) <= width:
        return [start + text]
    if len(start) + NARROWEST > width:
        return [start.rstrip(), *_wrapped(text, ADVICE, width)]
    indent = " " * len(start)
    return textwrap.wrap(
        text,
        width,
        initial_indent=start,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _statements(mapping: Mapping, rows: list[Row]) -> Iterator[tuple[str, str]]:
    lanes = {row.lane for row in rows}
    costs = "; ".join(f"{lane} {cost}" for lane, cost in COSTS.items() if lane in lanes)
    yield "cost", f"{costs} (classes, measured elsewhere)"
    key = ", ".join(field.name for field in mapping.key)
    yield "key", f"{key}; on conflict {mapping.on_conflict}" if key else "none: every record is inserted"
    if constants := [fill.field.name for fill in mapping.fills if fill.is_constant]:
        yield "constants", ", ".join(constants)
    defaults = [fill.field.name for fill in mapping.fills if not fill.is_constant and not fill.is_key]
    if mapping.inserts and defaults:
        yield "defaults", ", ".join(defaults)
    if not mapping.inserts:
        yield "new", f"{mapping.on_new}: only existing rows change"
    if left_out := _left_out(mapping):
        yield "left out", f"{', '.join(left_out)}: SENSITIVE_FIELDS, filled only where the spec declares them"
    yield "record", mapping.row_lane or _by_columns(mapping)
    groups = ["+".join(field.name for field in group) for group in mapping.unique_groups]
    yield "unique", f"{', '.join(groups) or 'nothing'}, checked by the database"
    for hook in ignored_hooks(mapping.model):
        yield "ignored", hook
    target = Target.of(mapping)
    yield "write", _write(mapping, target)
    for peculiarity in target.peculiarities(mapping):
        yield "table", peculiarity
    for reason in target.obstacles(mapping):
        yield "refused", reason


def _column(plan: ColumnPlan) -> Row:
    return Row(plan.field.name, plan.column, *_lane(plan))


def _lookup(plan: LookupPlan) -> Row:
    columns = ", ".join(part.column for part in plan.parts)
    return Row(plan.field.name, columns, "lookup", f"by {', '.join(plan.to)}{_if_missing(plan)}")


def _many(plan: ManyPlan) -> Row:
    reason = f'the parts between "{plan.separator}", each by {plan.lookup.to[0]}{_if_missing(plan.lookup)}'
    return Row(plan.field.name, plan.column, "many", reason)


def _if_missing(plan: LookupPlan) -> str:
    name = plan.parent._meta.verbose_name
    return {"create": f"; a missing {name} is created", "null": "; null if it is missing"}.get(
        plan.missing, ""
    )


def _lane(plan: ColumnPlan) -> tuple[str, str, str]:
    """Return the lane, the reason, and what would make it faster."""
    lane = lane_of(plan.field)
    if lane.fast is None:
        return "distinct", lane.why, lane.advice
    match way_of(plan):
        case Way.BY_DISTINCT_VALUE:
            name = getattr(own_transforms(plan)[0], "__name__", "a function")
            return (
                "distinct + fast",
                f"{name}() is called per distinct value, then {lane.why}",
                FAST_TRANSFORMS,
            )
        case Way.BY_STRPTIME:
            return "distinct", f"the format {plan.formats[0]} is read by strptime", _advice_on_formats(plan)
        case Way.BY_POSITION if left := plan.formats[len(layouts_of(plan.formats)) :]:
            return "fast", f"{lane.why}, except for {left[0]}, which strptime reads", _advice_on_formats(plan)
    return "fast", lane.why, ""


def _advice_on_formats(plan: ColumnPlan) -> str:
    if plan.transforms:
        return "without a transform, formats with fixed places are read by columns"
    if plan.iso_format is None:
        return ""
    return f"formats of {' '.join(DIRECTIVES)} are read by columns"


def _by_columns(mapping: Mapping) -> str:
    if names := [plan.field.name for plan in mapping.columns if plan.normalize]:
        return f"by columns: clean() is Django's own, which normalises {' and '.join(names)}"
    return "by columns: neither clean() nor clean_record() is defined"


def _left_out(mapping: Mapping) -> list[str]:
    filled = {field.name for field in mapping.mapped} | mapping.spec.constants.keys()
    names = [field.name for field in mapping.model._meta.concrete_fields]
    return [name for name in names if name in conf.SENSITIVE_FIELDS and name not in filled]


def _write(mapping: Mapping, target: Target) -> str:
    if mapping.needs_primary_keys:
        return "COPY into a temporary table, then into each table under the row's primary key"
    if mapping.may_copy and not target.takes_copy(mapping):
        return "through a temporary table, because the table is not quite what its model says"
    if mapping.may_copy:
        return "COPY into the table; through a temporary table where something collides"
    slow = mapping.key and not mapping.key_is_unique
    warning = " (no unique constraint covers the key: slow on large tables)" if slow else ""
    return f"COPY into a temporary table, then compared with the table by its key{warning}"
