"""What can go wrong with a job. Bad data is not here: it is a rejection (`importer.records.Rejection`).

Each class says whether running the same command again makes sense.
"""

import logging
import re
import traceback
from typing import Any

from django.db import Error as DatabaseError
from polars.exceptions import PanicException

logger = logging.getLogger("importer")

# What may end a run, or a worker, with a line. A panic within Polars is not among Python's ordinary exceptions.
ANY_FAULT = (Exception, PanicException)

# What breaks a line or a database, drives a terminal (C0, C1), or turns the direction of what follows.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str) -> str:
    """The text with what must not reach a person's terminal, or a database, written as an escape."""
    return UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], text)


def first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def in_words(error: BaseException) -> str:
    """Any reason to stop as one line for the person who reads it."""
    if isinstance(error, ImporterError):
        return str(error)
    if isinstance(error, DatabaseError):
        return one_line(f"The database refuses: {first_line(error)}")
    if isinstance(error, MemoryError):
        return (
            'The process ran out of memory; give it more, or lower IMPORTER["BATCH_MAX_BYTES"] and '
            'IMPORTER["BATCH_MAX_CELLS"].'
        )
    if isinstance(error, OSError):
        return one_line(f"The source cannot be read: {error.strerror or error}.")
    return one_line(f"Unexpected {type(error).__name__}: {first_line(error)}")


def traceback_of(error: BaseException) -> dict[str, Any]:
    """For the audit trail: where a defect is, ours or that of a signal's receiver. Whoever runs the job gets a line."""
    if isinstance(error, ImporterError | DatabaseError | OSError | MemoryError):
        return {}
    logger.debug("Unexpected %s", type(error).__name__, exc_info=error)
    lines = "".join(traceback.format_exception(error)).splitlines()
    return {"traceback": "\n".join(map(one_line, lines))}


class ImporterError(Exception):
    """A reason to stop, worded for the person who reads it: one line, the value in quotes, the way out."""

    retry_makes_sense = False

    def __init__(self, reason: str) -> None:
        super().__init__(one_line(reason))


class UnknownSpec(ImporterError):
    """No spec of that name is registered."""


class SettingsRefused(ImporterError):
    """The site's settings make no sense; `manage.py check` says which."""


class SourceRefused(ImporterError):
    """The source cannot or must not be read."""


class SourceChanged(SourceRefused):
    """The source is no longer the one that the job was planned on."""


class MappingRefused(ImporterError):
    """The source's columns and the spec do not fit together."""


class JobAlreadyRunning(ImporterError):
    """Another process holds the job."""

    retry_makes_sense = True


class PoolerInTheWay(ImporterError):
    """The database is behind a pooler that keeps no sessions, and with them no locks."""


class ThresholdPassed(ImporterError):
    """More rejected records than the job allows. What was committed stays."""

    retry_makes_sense = True


class LeaseLost(ImporterError):
    """This worker's lease went to another one; nothing of the batch in hand was committed."""

    retry_makes_sense = True


class ChunkFailed(ImporterError):
    """A chunk failed again and again without getting further."""

    retry_makes_sense = True


class DatabaseGone(ImporterError):
    """The database did not come back in time."""

    retry_makes_sense = True


class Stopped(ImporterError):
    """Asked to stop (SIGTERM, pause, cancel); the same command goes on from here."""

    retry_makes_sense = True
