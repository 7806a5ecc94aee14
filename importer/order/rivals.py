"""Names the sets of columns by whose texts records may meet: what must be unique, and the key of the spec.

Texts tell more than they must: records that have one text may still differ for PostgreSQL, because of a condition or an
expression. Then they are settled last, which costs time but no truth. They must never tell less.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import connections, models
from django.db.models import F
from django.db.models.expressions import OrderBy
from django.db.models.functions import Lower, LTrim, RTrim, Trim, Upper

from importer.exceptions import OrderDecides
from importer.order.comparable import is_comparable
from importer.specs.mapping import AnyField, ColumnPlan, Mapping, key_groups
from importer.specs.tables import constraints_of, field_named
from importer.validate.indexes import Index, indexes_of
from importer.validate.target import Target

# Texts that these make equal are equal once they are folded, whatever the language of the database.
FOLDING = (Lower, Upper, Trim, LTrim, RTrim)
# Types that compare texts by what folding keeps of them.
FOLDED_TYPES = ("citext", "bpchar")
EXACT_TYPES = ("varchar", "text")


@dataclass(frozen=True, slots=True)
class Rivals:
    """Columns by whose texts records may meet.

    folded           the columns whose texts are compared without case, accents and blanks
    nulls_are_equal  records in which all of them are null meet as well
    is_coarse        many records with equal texts may not meet after all
    """

    plans: tuple[ColumnPlan, ...]
    folded: frozenset[ColumnPlan] = frozenset()
    nulls_are_equal: bool = False
    is_coarse: bool = False


def folded(texts: pl.Series) -> pl.Series:
    """Make texts equal that any language's lower, upper or trimmed form makes equal, and perhaps some more."""
    # Its own name might be taken for a pattern.
    plain = texts.alias("texts").str.to_lowercase().str.to_uppercase().str.to_lowercase()
    plain = plain.str.normalize("NFKD").str.replace_all(r"[\p{M}\s]", "")
    return plain.str.replace_all("\u03c2", "\u03c3", literal=True).alias(texts.name)


def rivals_of(mapping: Mapping, target: Target) -> tuple[Rivals, ...]:
    """Return the sets of columns by which records may meet. Raises OrderDecides where texts cannot tell."""
    plain = [_plain(plans, mapping, target) for plans in key_groups(mapping)]
    special = [
        rivals
        for table, constraint in constraints_of(mapping.model)
        if isinstance(constraint, models.UniqueConstraint)
        for rivals in _of_constraint(table, constraint, mapping, target)
    ]
    return tuple(dict.fromkeys([*plain, *special]))


def hidden_index(mapping: Mapping, target: Target) -> str:
    """Name an index or a constraint of the table that keeps rows apart without the model's knowledge; empty if none."""
    connection = connections[mapping.alias]
    known = {frozenset(str(f.column) for f in group) for group in mapping.unique_groups}
    known |= {frozenset([str(table._meta.pk.column)]) for table in mapping.tables}
    names = {constraint.name for _, constraint in constraints_of(mapping.model)}
    with connection.cursor() as cursor:
        for table in mapping.tables:
            cursor.execute(
                "SELECT %s::regclass::oid::bigint", [connection.ops.quote_name(table._meta.db_table)]
            )
            for index in indexes_of(cursor, cursor.fetchone()[0]):
                if keeps_apart(index) and index.name not in names and not _is_known(index, known):
                    return index.name
    return ""


def keeps_apart(index: Index) -> bool:
    return index.is_unique or index.constraint == "x"


def _is_known(index: Index, known: set[frozenset[str]]) -> bool:
    is_plain = index.is_plain and not index.operators and not index.nulls_are_equal
    return is_plain and any(group <= frozenset(index.columns) for group in known)


def _plain(plans: tuple[ColumnPlan, ...], mapping: Mapping, target: Target) -> Rivals:
    own = {plan.field: plan for plan in mapping.columns}
    parts = [_compared(plan, mapping, target, is_own=plan.field in own) for plan in plans]
    return Rivals(plans, frozenset(plan for plan, is_folded in zip(plans, parts, strict=True) if is_folded))


def _compared(plan: ColumnPlan, mapping: Mapping, target: Target, *, is_own: bool) -> bool:
    """Tell whether the texts of a column have to be folded. Raises OrderDecides if that would not do."""
    column = target.columns.get(str(plan.field.column)) if is_own else None
    if column and column.is_text and not column.sent_as and " COLLATE " not in column.type:
        if column.base_type in FOLDED_TYPES:
            return True
        if column.base_type in EXACT_TYPES and not getattr(plan.field, "db_collation", None):
            return False
    elif not (column and column.sent_as) and is_comparable(plan, mapping.alias):
        return False
    raise OrderDecides(f'equal values of "{plan.field.name}" may be written differently')


def _of_constraint(
    table: type[models.Model], constraint: models.UniqueConstraint, mapping: Mapping, target: Target
) -> Iterator[Rivals]:
    """Yield the columns of a unique constraint with a condition or expressions, or to which nulls are equal."""
    is_special = constraint.condition is not None or constraint.contains_expressions
    if not is_special and constraint.nulls_distinct is not False:
        return
    fields = _fields_of(table, constraint)
    parts: list[tuple[ColumnPlan, bool]] = []
    for field, is_folded in fields:
        if field not in mapping.written:
            raise OrderDecides(f'the database fills "{field.name}", which is part of a unique set')
        for plan, is_own in _plans_of(field, mapping):
            parts.append((plan, is_folded or _compared(plan, mapping, target, is_own=is_own)))
    if not parts:
        raise OrderDecides(f"the unique constraint {constraint.name} reads no column of the source")
    yield Rivals(
        tuple(plan for plan, _ in parts),
        frozenset(plan for plan, is_folded in parts if is_folded),
        nulls_are_equal=constraint.nulls_distinct is False,
        is_coarse=constraint.condition is not None,
    )


def fields_of_rivals(mapping: Mapping) -> set[AnyField]:
    """Return the fields by whose values records may meet. Raises OrderDecides where texts cannot tell."""
    found = {f for group in [*mapping.unique_groups, mapping.key] for f in group}
    for table, constraint in constraints_of(mapping.model):
        if isinstance(constraint, models.UniqueConstraint):
            found |= {field for field, _ in _fields_of(table, constraint)}
    return found


def _fields_of(table: type[models.Model], constraint: models.UniqueConstraint) -> list[tuple[AnyField, bool]]:
    """Return the fields of a constraint, each with whether its texts have to be folded."""
    fields = [(field_named(table, name), False) for name in constraint.fields]
    expressions = constraint.expressions
    return [*fields, *(_field_of(table, each, constraint, is_folded=False) for each in expressions)]


def _field_of(
    table: type[models.Model], expression: Any, constraint: models.UniqueConstraint, *, is_folded: bool
) -> tuple[AnyField, bool]:
    """Return the one field that an expression reads, and whether its texts have to be folded."""
    if isinstance(expression, F):
        name: str = getattr(expression, "name", "")
        return field_named(table, name), is_folded
    sources: Iterable[Any] = getattr(expression, "get_source_expressions", list)()
    sources = [source for source in sources if source is not None]
    if type(expression) in (*FOLDING, OrderBy) and len(list(sources)) == 1:
        folds = is_folded or type(expression) is not OrderBy
        field, is_folded = _field_of(table, next(iter(sources)), constraint, is_folded=folds)
        if isinstance(field, models.CharField | models.TextField) or not folds:
            return field, is_folded
    raise OrderDecides(f"the unique constraint {constraint.name} has an expression that texts do not tell")


def _plans_of(field: AnyField, mapping: Mapping) -> Iterator[tuple[ColumnPlan, bool]]:
    for plan in mapping.columns:
        if plan.field == field:
            yield plan, True
    for lookup in mapping.lookups:
        if lookup.field == field:
            yield from ((part, False) for part in lookup.parts)
