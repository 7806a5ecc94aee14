"""Says where records cannot be gathered, so that one worker has to take them in the order of the source."""

from collections.abc import Iterator
from itertools import chain

from django.db import connections, models

from importer import ledger
from importer.gather.meetings import groups_of
from importer.models import DataImportJob
from importer.order.hidden import why_order_matters
from importer.specs.mapping import Mapping
from importer.specs.tables import constraints_of
from importer.validate.target import Target
from importer.write.copy import column_of


def why_not_gathered(mapping: Mapping, job: DataImportJob | None = None) -> str:
    """Say why the records of a mapping, or of a job, cannot be gathered; empty if they can."""
    return next(chain(_of_job(job), _of_mapping(mapping), _of_table(mapping)), "")


def one_worker(reason: str, obstacle: str) -> str:
    """Say why one worker takes all records, and why several cannot gather them."""
    gathered = f"; several cannot share them, because {obstacle}" if obstacle and obstacle != reason else ""
    return f"one worker takes the records in order, because {reason}{gathered}"


def how_workers_share(mapping: Mapping) -> str:
    """Say how many workers take the records of a large source, and why."""
    reason = why_order_matters(mapping)
    if not reason:
        return "several share the records of a large source, unless its keys repeat too often"
    if obstacle := why_not_gathered(mapping):
        return one_worker(reason, obstacle)
    return (
        f"several share the records of a large source, which wait in a table of their own until it is known which "
        f"come first, because {reason}"
    )


def _of_job(job: DataImportJob | None) -> Iterator[str]:
    if job is None:
        return
    if order := job.options.get("gathered", {}).get("order"):
        yield str(order)
    if ledger.committed_batches(job):
        yield "the job has begun so"
    if job.format == DataImportJob.Format.TABLE:
        yield "rows of another database may have other places when they are read again"


def _of_mapping(mapping: Mapping) -> Iterator[str]:
    if len(mapping.tables) > 1:
        yield f"a row of {mapping.model.__name__} has parts in several tables"
    is_update = mapping.on_conflict == "update"
    if is_update and len(mapping.key) > 1 and all(f.null for f in mapping.key):
        yield "no part of the key must be filled"
    if mapping.manys:
        yield f'"{mapping.manys[0].field.name}" refers to many rows'
    for lookup in mapping.lookups:
        if lookup.reads(mapping.model):
            yield f'"{lookup.field.name}" refers to rows of the same table'
        elif lookup.missing == "create":
            yield f'"{lookup.field.name}" creates the rows to which it refers'
    for _, constraint in constraints_of(mapping.model):
        known = (models.UniqueConstraint, models.CheckConstraint)
        if not isinstance(constraint, known) and not hasattr(constraint, "index_type"):
            yield f"only the database can check the constraint {constraint.name}"


def _of_table(mapping: Mapping) -> Iterator[str]:
    target = Target.of(mapping)
    if not all(table.is_plain for table in target.tables):
        yield f'"{target.tables[0].name}" is not a plain table'
        return
    written = {column_of(f): f for f in mapping.written}
    kept = {column_of(plan.field): plan.column for plan in mapping.kept}
    for group in groups_of(mapping):
        for name in group.columns:
            own = target.columns[name]
            is_own_key = list(group.columns) == [name] and name == str(mapping.model._meta.pk.column)
            if name not in written and not is_own_key:
                yield f'the database fills "{name}", which is part of a unique set'
            elif own.sent_as and name in written:
                yield f'PostgreSQL converts the values of "{name}", which must be unique'
            elif name in kept:
                yield f'an empty cell of "{kept[name]}" keeps a value that must be unique'
        if group.operators and mapping.on_conflict == "update":
            yield "an update may release what an exclusion constraint keeps apart"
    with connections[mapping.alias].cursor() as cursor:
        table = connections[mapping.alias].ops.quote_name(mapping.model._meta.db_table)
        cursor.execute(
            "SELECT has_schema_privilege(relnamespace, 'CREATE'), relnamespace::regnamespace::text "
            "FROM pg_class WHERE oid = %s::regclass",
            [table],
        )
        may_create, schema = cursor.fetchone()
        if not may_create:
            yield f"the database user may not CREATE a table in the schema {schema}, in which records could wait"
