"""Begins and ends each phase of a job whose records are gathered. Each step is kept, so a killed run goes on."""

from collections.abc import Callable
from typing import Any

from django.db import connections, transaction

from importer import ledger
from importer.exceptions import GivenUp, MappingRefused
from importer.gather.meetings import Meetings
from importer.models import DataImportJob, LogEvent
from importer.order.survey import WORTH_IT
from importer.parse.open import open_reader
from importer.specs.mapping import Mapping
from importer.validate.queries import quoted
from importer.validate.target import Target
from importer.work.aside import Aside
from importer.work.control import Control
from importer.work.meanwhile import meanwhile
from importer.work.repeats import note_counted
from importer.write.bare import LINE
from importer.write.copy import column_of
from importer.write.gathered import Gathered

# Name in `DataImportJob.options`: the table, and the phase.
OPTION = "gathered"
# So few records may always wait: they take less than a second, as long as to begin anew.
FEW = 1_000
# For sorting. PostgreSQL's own, of 4 MB, would sort a million keys on disk.
MEMORY = "128MB"
Phase = DataImportJob.GatherPhase


def begin(job: DataImportJob, mapping: Mapping) -> None:
    """Make the table in which the job's records wait. Does nothing if it is there."""
    job.refresh_from_db(fields=["options", "contested"])  # what we noted may have been rolled back
    if job.gather_phase:
        return
    target = Target.of(mapping)
    with transaction.atomic(using=mapping.alias), connections[mapping.alias].cursor() as cursor:
        table = _name_beside(mapping, job)
        cursor.execute(f"DROP TABLE IF EXISTS {table}")
        Gathered(table, mapping).create(cursor, target)
        ledger.open_all(job)
        _note(job, table=table, phase=Phase.GATHER, columns=_columns(mapping, target))
        job.note_survey(b"")
        ledger.log(job, LogEvent.GATHERED, f"records wait in {table}")


def refuse_other_columns(job: DataImportJob, mapping: Mapping) -> None:
    """See that the import still fills the columns with which records were gathered.

    Raises GivenUp if it does not and nothing is in the target yet, and MappingRefused if something is.
    """
    job.refresh_from_db(fields=["options"])
    if not job.gather_phase or job.options[OPTION]["columns"] == _columns(mapping, Target.of(mapping)):
        return
    reason = "the import fills other columns than when they were gathered"
    if job.gather_phase == Phase.GATHER:
        give_up(job, mapping, reason, for_good=False)
        raise GivenUp(f"The records are read anew, because {reason}.")
    raise MappingRefused(
        f"Some records of job {job.pk} still wait, and {reason}; run the job to its end with the model and the spec "
        f"as they were, then import the other columns with a new job."
    )


def _columns(mapping: Mapping, target: Target) -> list[str]:
    """Describe all that decides what a gathered row means: its columns, their types, the key and what it is for."""
    columns = [f"{column_of(f)} {target.of_field(f).type}" for f in mapping.written]
    return [*columns, *(column_of(f) for f in mapping.key), mapping.on_conflict]


def decide(job: DataImportJob, mapping: Mapping, control: Control, keep: Callable[[], None]) -> bool:
    """Set aside the gathered records that depend on others, and let workers pour the rest into the target.

    Returns False if it was asked to stop before that. `keep` is called again and again, and keeps the hold on the job.
    Raises GivenUp if so many depend on one another that one worker is faster.
    """
    job.refresh_from_db(fields=["options"])  # the answer to the last commit may have been lost
    if job.gather_phase != Phase.GATHER:
        return True
    gathered, aside = job.gathered_table, _aside(job, mapping)
    calls = [lambda: _note_lines(mapping, gathered, aside)]
    (waiting,) = meanwhile(calls, alias=mapping.alias, at_once=1, keep=keep)
    if waiting == 0 and mapping.key:
        note_counted(job)
    reader = open_reader(job)
    try:
        if not aside.set_aside(job, reader, control, keep=keep, uncount=ledger.take_gathered_back):
            return False
    finally:
        reader.close()
    with transaction.atomic(using=mapping.alias):
        ledger.open_all(job)
        _note(job, phase=Phase.POUR)
        ledger.log(job, LogEvent.GATHERED, "who comes first is decided")
    return True


def _note_lines(mapping: Mapping, gathered: str, aside: Aside) -> int | None:
    """Find the records that depend on others, and return their number; None if an earlier run has found them."""
    with transaction.atomic(using=mapping.alias), connections[mapping.alias].cursor() as cursor:
        if aside.are_noted(cursor):
            return None
        # A role's limit of time is meant for queries, and PostgreSQL's own of memory would sort on disk.
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(f"SET LOCAL maintenance_work_mem = '{MEMORY}'; SET LOCAL work_mem = '{MEMORY}'")
        cursor.execute(f"CREATE INDEX ON {gathered} ({LINE})")
        cursor.execute(f"ANALYZE {gathered}")
        meetings = Meetings(mapping, Target.of(mapping), gathered)
        for statement in meetings.indexes():
            cursor.execute(statement)
        waiting = aside.note(cursor, meetings.queries())
        cursor.execute(f"SELECT count(*) FROM {gathered}")
        if waiting > max(FEW, cursor.fetchone()[0] * WORTH_IT):
            raise GivenUp("keys repeat too often")
        if (
            waiting
            and mapping.row_lane
            and mapping.on_conflict == "update"
            and meetings.do_keys_repeat(cursor)
        ):
            raise GivenUp(
                f"{mapping.row_lane}, and keys repeat, so it must see what an earlier record has left"
            )
        return waiting


def finish(job: DataImportJob, mapping: Mapping) -> None:
    """Drop the table, once all records have left it."""
    with transaction.atomic(using=mapping.alias), connections[mapping.alias].cursor() as cursor:
        job.refresh_from_db(fields=["options"])
        if not job.gather_phase:
            return
        cursor.execute(f"DROP TABLE {job.gathered_table}, {_aside(job, mapping).lines}")
        _note(job, phase=Phase.NONE)
        ledger.log(job, LogEvent.GATHERED, "all have left the table")


def found_order(job: DataImportJob) -> str:
    """Return why a worker has found that the records cannot be gathered; empty if none has."""
    job.refresh_from_db(fields=["options"])
    return str(job.options[OPTION].get("order", "")) if job.gather_phase == Phase.GATHER else ""


def give_up(job: DataImportJob, mapping: Mapping, reason: str, *, for_good: bool = True) -> None:
    """Drop the table, and let the job begin anew; `for_good` by one worker, in the order of the source."""
    with transaction.atomic(using=mapping.alias), connections[mapping.alias].cursor() as cursor:
        job.refresh_from_db(fields=["options"])
        if job.gather_phase != Phase.GATHER:
            return  # somebody else has, or records are in the target already
        cursor.execute(f"DROP TABLE IF EXISTS {job.gathered_table}, {_aside(job, mapping).lines}")
        ledger.begin_anew(job)
        _note(job, phase=Phase.NONE, order=reason if for_good else "")
        job.contested = None
        job.save(update_fields=["contested"])
        ledger.log(job, LogEvent.GATHERED, f"given up: {reason}")


def _name_beside(mapping: Mapping, job: DataImportJob) -> str:
    with connections[mapping.alias].cursor() as cursor:
        table = connections[mapping.alias].ops.quote_name(mapping.model._meta.db_table)
        cursor.execute(
            "SELECT nspname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = %s::regclass",
            [table],
        )
        return f"{quoted(cursor.fetchone()[0])}.importer_gathered_{job.pk}"


def _aside(job: DataImportJob, mapping: Mapping) -> Aside:
    return Aside(job.gathered_table, f"{job.gathered_table}_aside", mapping.alias)


def _note(job: DataImportJob, **facts: Any) -> None:
    job.refresh_from_db(fields=["options"])
    job.options = job.options | {OPTION: job.options.get(OPTION, {}) | facts}
    job.save(update_fields=["options"])
