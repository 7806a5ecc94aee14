"""What can go wrong with a job. Bad data is not here: it is a rejection (`importer.records.Rejection`).

Each class says whether running the same command again makes sense.
"""

import re

UNPRINTABLE = re.compile("[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")


def one_line(text: str) -> str:
    """The text with what would break a line, or a database, written as an escape."""
    return UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], text)


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
