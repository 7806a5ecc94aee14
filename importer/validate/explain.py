"""Explains a compiled mapping: which lane each field takes and why, and how records are written."""

from importer.conf import conf
from importer.specs.compile import all_columns, compile_mapping
from importer.specs.faults.hooks import ignored_hooks
from importer.specs.faults.refuse import refuse_faults
from importer.specs.mapping import ColumnPlan, LookupPlan, ManyPlan, Mapping
from importer.specs.spec import ModelImport
from importer.validate.target import Target
from importer.validate.values.lanes import lane_of
from importer.validate.values.transform import Way, own_transforms, way_of


def explain(spec: type[ModelImport]) -> str:
    """Return a table as plain text: field, column, lane, reason; then what happens to the record as a whole.

    The source is taken to have a column for every field: a spec does not know its source. Raises MappingRefused, and
    TargetRefused if the database has no such table.
    """
    refuse_faults(spec)
    mapping = compile_mapping(spec, all_columns(spec), spec.options.dialect.as_dict())
    table = [("field", "column", "lane", "because")]
    table += [_column(plan) for plan in mapping.columns]
    table += [_lookup(plan) for plan in mapping.lookups]
    table += [_many(plan) for plan in mapping.manys]
    widths = [max(len(row[index]) for row in table) for index in range(3)]
    meta = mapping.model._meta
    tables = " + ".join(table._meta.db_table for table in mapping.tables)
    lines = [f"{spec.options.name} → {meta.label} ({tables}), from a source with all of these columns"]
    lines += [
        "  " + "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]])
        for row in table
    ]
    key = ", ".join(field.name for field in mapping.key)
    lines.append(
        f"  key        {f'{key}; on conflict {mapping.on_conflict}' if key else 'none: every record is inserted'}"
    )
    if constants := [fill.field.name for fill in mapping.fills if fill.is_constant]:
        lines.append(f"  constants  {', '.join(constants)}")
    defaults = [fill.field.name for fill in mapping.fills if not fill.is_constant and not fill.is_key]
    if mapping.inserts and defaults:
        lines.append(f"  defaults   {', '.join(defaults)}")
    if not mapping.inserts:
        lines.append(f"  new        {mapping.on_new}: only existing rows change")
    if left_out := _left_out(mapping):
        lines.append(
            f"  left out   {', '.join(left_out)}: SENSITIVE_FIELDS, filled only where the spec declares them"
        )
    lines.append(f"  record     {mapping.row_lane or _by_columns(mapping)}")
    groups = ["+".join(field.name for field in group) for group in mapping.unique_groups]
    lines.append(f"  unique     {', '.join(groups) or 'nothing'}, checked by the database")
    lines += [f"  ignored    {hook}" for hook in ignored_hooks(mapping.model)]
    target = Target.of(mapping)
    lines.append(f"  write      {_write(mapping, target)}")
    lines += [f"  table      {peculiarity}" for peculiarity in target.peculiarities(mapping)]
    lines += [f"  refused    {reason}" for reason in target.obstacles(mapping)]
    return "\n".join(lines)


def _column(plan: ColumnPlan) -> tuple[str, str, str, str]:
    return plan.field.name, plan.column, *_lane(plan)


def _lookup(plan: LookupPlan) -> tuple[str, str, str, str]:
    columns = ", ".join(part.column for part in plan.parts)
    return plan.field.name, columns, "lookup", f"by {', '.join(plan.to)}{_if_missing(plan)}"


def _many(plan: ManyPlan) -> tuple[str, str, str, str]:
    reason = f'the parts between "{plan.separator}", each by {plan.lookup.to[0]}{_if_missing(plan.lookup)}'
    return plan.field.name, plan.column, "many", reason


def _if_missing(plan: LookupPlan) -> str:
    name = plan.parent._meta.verbose_name
    return {"create": f"; a missing {name} is created", "null": "; null if it is missing"}.get(
        plan.missing, ""
    )


def _lane(plan: ColumnPlan) -> tuple[str, str]:
    lane = lane_of(plan.field)
    if lane.fast is None:
        return "distinct", lane.why
    match way_of(plan):
        case Way.BY_DISTINCT_VALUE:
            name = getattr(own_transforms(plan)[0], "__name__", "a function")
            return "distinct + fast", f"{name}() is called per distinct value, then {lane.why}"
        case Way.BY_STRPTIME:
            return "distinct", f"the format {plan.formats[0]} is read by strptime"
    return "fast", lane.why


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
