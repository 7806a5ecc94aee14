"""Defines the reasons for which a job stops. Bad data is not one of them: see `records.Rejection`."""

import logging
import re
import traceback
from typing import Any

logger = logging.getLogger("importer")

# Characters that break a line, control a terminal (C0, C1), reverse the direction of text, or that PostgreSQL rejects.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def is_of_database(error: BaseException) -> bool:
    """Tell whether a database reported the error."""
    # Not imported with this module: the process that weighs Parquet would start a tenth later.
    from django.db import Error

    return isinstance(error, Error)


def any_fault() -> tuple[type[BaseException], ...]:
    """Return the faults that end a run or a worker with one line. A panic in Polars is not a subclass of Exception."""
    from polars.exceptions import PanicException

    return Exception, PanicException


def one_line(text: str) -> str:
    """Escape the characters that must not reach a terminal or the database."""
    return UNPRINTABLE.sub(lambda match: repr(match[0])[1:-1], text)


def first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def reason_of(error: BaseException) -> str:
    """Describe any fault in one line, for the person who reads it."""
    if isinstance(error, ImporterError):
        return str(error)
    if is_of_database(error):
        return one_line(f"Database error: {first_line(error)}")
    if isinstance(error, MemoryError):
        return (
            'The process ran out of memory; give it more, or lower IMPORTER["BATCH_MAX_BYTES"] and '
            'IMPORTER["BATCH_MAX_CELLS"].'
        )
    if isinstance(error, OSError):
        return one_line(f"The source cannot be read: {error.strerror or error}.")
    return one_line(f"Unexpected {type(error).__name__}: {first_line(error)}")


def traceback_of(error: BaseException) -> dict[str, Any]:
    """Return the traceback of a defect (ours or a signal receiver's) for the audit trail; {} for expected faults."""
    if isinstance(error, ImporterError | OSError | MemoryError) or is_of_database(error):
        return {}
    logger.debug("Unexpected %s", type(error).__name__, exc_info=error)
    lines = "".join(traceback.format_exception(error)).splitlines()
    return {"traceback": "\n".join(map(one_line, lines))}


class ImporterError(Exception):
    """A reason to stop, for the person who reads it: one line with the value in quotes and what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(one_line(reason))


class GivenUp(Exception):
    """Another way of loading was given up, for this reason. Nothing of it is left, and the job begins anew."""


class UnknownSpec(ImporterError):
    """No spec of that name is registered."""


class SettingsRefused(ImporterError):
    """A setting of the site is invalid; `manage.py check` says which."""


class SourceRefused(ImporterError):
    """The source cannot or must not be read."""


class SourceChanged(SourceRefused):
    """The source is not the one that the job was planned on."""


class MappingRefused(ImporterError):
    """The source's columns do not match the spec."""


class TargetRefused(ImporterError):
    """The target table would take none of the records."""


class OrderDecides(ImporterError):
    """One worker must import the records in the order of the source, for this reason."""


class JobAlreadyRunning(ImporterError):
    """Another process holds the job."""


class DraftChanged(ImporterError):
    """Another tab or window has changed the import that is prepared in this one."""

    def __init__(self) -> None:
        super().__init__("This import was changed in another tab or window; here is what it is now.")


class UndoneJob(ImporterError):
    """What the job wrote was taken back, so it is not run again."""


class PoolerInTheWay(ImporterError):
    """The database is behind a pooler that does not keep sessions, so session locks are lost."""


class ThresholdPassed(ImporterError):
    """More records were rejected than the job allows. Committed batches stay."""


class LeaseLost(ImporterError):
    """Another worker took over this worker's lease; the current batch was not committed."""


class ChunkFailed(ImporterError):
    """A chunk failed repeatedly without progress."""


class DatabaseGone(ImporterError):
    """The database did not come back within `IMPORTER["RETRY_SECONDS"]`."""
