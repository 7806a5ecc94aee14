"""Begins and ends a load through a bare copy. Each step is kept by the database, so a killed run goes on after it."""

from collections.abc import Callable
from typing import Any

from django.db import connections, transaction

from importer import ledger
from importer.exceptions import GivenUp
from importer.fresh.build import CannotBuild, CopyIndex, ForeignKey, build, copy_indexes, foreign_keys_of
from importer.fresh.description import structure
from importer.fresh.meetings import Meetings
from importer.fresh.publish import make_copy, publish, rehearse
from importer.fresh.refusals import refuse_unfit
from importer.fresh.tables import OPTION, Tables, schema_of
from importer.models import DataImportJob, LogEvent
from importer.parse.open import open_reader
from importer.specs.mapping import Mapping
from importer.validate.queries import quoted
from importer.work.control import Control
from importer.work.machine import processors
from importer.work.repeats import COUNTED, note_counted


def begin(job: DataImportJob, mapping: Mapping) -> None:
    """Make the bare copy that the job's records go into. Does nothing if it is there.

    Raises TargetRefused where a copy cannot take the table's place, or could not be given all that the table has.
    """
    job.refresh_from_db(fields=["options", "contested"])  # what we noted may have been rolled back
    if OPTION in job.options:
        return
    tables = Tables.of(job, mapping)
    refuse_unfit(job, mapping, tables)
    with transaction.atomic(using=mapping.alias), connections[mapping.alias].cursor() as cursor:
        rehearse(cursor, tables)
        transaction.set_rollback(True, using=mapping.alias)
    with transaction.atomic(using=mapping.alias), connections[mapping.alias].cursor() as cursor:
        make_copy(cursor, tables)
        _note(job, copy=tables.copy, structure=structure(cursor, tables), published=False)
        # Who comes first is decided when all records are there, so workers take chunks in any order.
        job.note_survey(b"")
        ledger.log(job, LogEvent.FRESH, f"records go into {tables.copy}")


def finish(job: DataImportJob, mapping: Mapping, control: Control, keep: Callable[[], None]) -> bool:
    """Give the copy its indexes and keys, set aside the records that meet, and put it in the table's place.

    Returns False if it was asked to stop before that. `keep` is called again and again, and keeps the hold on the job.
    Raises GivenUp if one record keeps an index from being built: the ordinary way then finds that record.
    """
    try:
        return _finish(job, mapping, control, keep)
    except CannotBuild as reason:
        _give_up(job, mapping, str(reason))
        raise GivenUp(
            f"The load through a copy was given up, because {reason}. The job has begun anew in the ordinary way."
        ) from reason


def _finish(job: DataImportJob, mapping: Mapping, control: Control, keep: Callable[[], None]) -> bool:
    job.refresh_from_db(fields=["options"])  # the answer to the last commit may have been lost
    if not job.bare_table:
        return True
    tables = Tables.of(job, mapping)
    meetings = Meetings(tables, mapping)
    connection = connections[mapping.alias]
    with connection.cursor() as cursor:
        indexes, foreign_keys = copy_indexes(cursor, tables), foreign_keys_of(cursor, tables)
        are_noted = meetings.aside.are_noted(cursor)
    if not are_noted:
        broken = _build(tables, indexes, foreign_keys, keep)
        with transaction.atomic(using=mapping.alias), connection.cursor() as cursor:
            if not meetings.aside.note(cursor, meetings.queries(broken)):
                note_counted(job)
    reader = open_reader(job)
    try:
        if not meetings.aside.set_aside(job, reader, control, keep=keep, uncount=ledger.take_back):
            return False
    finally:
        reader.close()
    if broken := _build(tables, indexes, foreign_keys, keep):
        raise CannotBuild(f'"{broken[0].name}" cannot be built: no search finds the records that break it')
    with transaction.atomic(using=mapping.alias), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        publish(cursor, tables, job.options[OPTION]["structure"])
        cursor.execute(f"DROP SCHEMA {quoted(tables.own)} CASCADE")
        _note(job, published=True)
        ledger.log(job, LogEvent.FRESH, f"the copy is the table {tables.target}")
    return True


def _give_up(job: DataImportJob, mapping: Mapping, reason: str) -> None:
    """Drop the copy, and let the job begin anew in the ordinary way."""
    with transaction.atomic(using=mapping.alias), connections[mapping.alias].cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {quoted(schema_of(job))} CASCADE")
        ledger.begin_anew(job)
        job.refresh_from_db(fields=["options"])
        job.options = job.options | {OPTION: {"given_up": reason}, COUNTED: False}
        job.contested = None
        job.save(update_fields=["options", "contested"])
        ledger.log(job, LogEvent.FRESH, f"given up: {reason}")


def _build(
    tables: Tables, indexes: list[CopyIndex], foreign_keys: list[ForeignKey], keep: Callable[[], None]
) -> list[CopyIndex | ForeignKey]:
    """Build the indexes side by side, then the foreign keys, which lock the table against one another."""
    broken = build(tables, indexes, at_once=processors(), keep=keep)
    return [*broken, *build(tables, foreign_keys, at_once=1, keep=keep)]


def _note(job: DataImportJob, **facts: Any) -> None:
    job.refresh_from_db(fields=["options"])
    job.options = job.options | {OPTION: job.options.get(OPTION, {}) | facts}
    job.save(update_fields=["options"])
