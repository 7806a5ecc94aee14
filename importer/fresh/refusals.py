"""Refuses what a bare copy cannot do, before anything is loaded, each with the way out."""

from collections.abc import Iterator

from django.db import connections

from importer.exceptions import TargetRefused
from importer.fresh.tables import Tables
from importer.ledger import committed_batches
from importer.models import DataImportJob
from importer.specs.mapping import Mapping
from importer.validate.queries import rows_of
from importer.validate.target import Target

ORDINARY = "run the job without --fresh"
FACTS = """
SELECT c.relkind::text, EXISTS (SELECT FROM pg_inherits WHERE c.oid IN (inhrelid, inhparent)),
    pg_has_role(c.relowner, 'USAGE'), pg_get_userbyid(c.relowner),
    NOT has_database_privilege(current_database(), 'CREATE'),
    (SELECT tgname FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT tgisinternal AND tgenabled <> 'D'
        AND tgtype & 4 <> 0 LIMIT 1),
    (SELECT conname FROM pg_constraint WHERE conrelid = c.oid AND contype = 'x' LIMIT 1),
    (SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
        JOIN pg_am ON pg_am.oid = x.relam WHERE i.indrelid = c.oid AND i.indisunique AND amname <> 'btree' LIMIT 1),
    (SELECT n.nspname FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace
        WHERE o.relname = c.relname AND n.nspname ~ '^importer_fresh_[0-9]+$' LIMIT 1)
FROM pg_class c WHERE c.oid = %s
"""
# What the facts from the fifth on mean, if there is one.
REASONS = (
    "the database user lacks the right to CREATE a schema in the database",
    "{table} has a trigger for INSERT ({fact}), which a copy would not fire",
    "{table} has an exclusion constraint ({fact})",
    "{table} has a unique index that is no B-tree ({fact})",
    "another job loads {table} in this way; run it to its end, or give it up with `DROP SCHEMA {fact} CASCADE`",
)


def refuse_unfit(job: DataImportJob, mapping: Mapping, tables: Tables) -> None:
    """Raise TargetRefused if the job cannot be loaded into a bare copy."""
    for reason in (*_of_job(job), *_of_mapping(mapping), *_of_table(mapping, tables)):
        raise TargetRefused(f"--fresh is not possible: {reason}; {ORDINARY}.")


def _of_job(job: DataImportJob) -> Iterator[str]:
    if job.gather_phase or committed_batches(job):
        yield f"the job {job.pk} has begun without it"


def _of_mapping(mapping: Mapping) -> Iterator[str]:
    name = mapping.model.__name__
    if len(mapping.tables) > 1:
        yield f"a row of {name} has parts in several tables"
    if mapping.manys:
        yield f'the many-to-many field "{mapping.manys[0].field.name}" refers to rows that are not there yet'
    for lookup in mapping.lookups:
        if lookup.reads(mapping.model):
            yield f'"{lookup.field.name}" is looked up in the same table'
    if not mapping.inserts:
        yield f'on_new = "{mapping.on_new}" writes no new rows'
    for plan in mapping.kept:
        yield f'blank = "keep" of "{plan.column}" needs rows that exist'


def _of_table(mapping: Mapping, tables: Tables) -> Iterator[str]:
    table = f'the table "{tables.name}"'
    with connections[mapping.alias].cursor() as cursor:
        ((kind, inherits, may_own, owner, *facts),) = rows_of(
            cursor, FACTS, [tables.oid(cursor, tables.target)]
        )
        if kind != "r" or inherits:
            yield f"{table} is not a plain table of its own"
            return
        if not may_own:
            yield f"{table} belongs to {owner}, and the database user is not a member of that role"
            return
        for reason, fact in zip(REASONS, facts, strict=True):
            if fact:
                yield reason.format(table=table, fact=fact)
        cursor.execute(f"SELECT EXISTS (SELECT FROM {tables.target})")
        if cursor.fetchone()[0]:
            yield f"{table} is not empty"
    if not Target.of(mapping).takes_copy(mapping):
        spec = mapping.spec.options.name
        yield f"COPY into {table} does not store what INSERT stores (`explain_import {spec}` says why)"
