"""Tells the audit trail of a job in sentences."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from importer.browser.job.deeds import deeds_of
from importer.browser.words import counted, listed, person, were
from importer.models import DataImportJob, LogEvent, MigrationLog
from importer.quotes import HIDDEN, Redaction

# Entries that are read, the latest first: a run of hours may have thousands.
MOST = 200
# What is of no use to people: each batch's size, and what the report says already.
LEFT_OUT = (LogEvent.BATCH_SIZE, LogEvent.LONG_FIELDS, LogEvent.PARENTS_CREATED)
# What happens in a row counts as one sentence.
IN_A_ROW = (LogEvent.RETRY, LogEvent.LEASE_LOST, LogEvent.WORKER_DIED, LogEvent.RECYCLED, LogEvent.WAITING)


@dataclass(frozen=True, slots=True)
class Sentence:
    at: datetime
    text: str


def history_of(job: DataImportJob, redaction: Redaction) -> list[Sentence]:
    """Return what has happened to the job, the latest last."""
    entries = MigrationLog.objects.filter(job=job).exclude(event__in=LEFT_OUT).select_related("job")
    latest = list(entries.order_by("-id")[:MOST])
    told = _told(redaction.of(entry) for entry in reversed(latest))
    if len(latest) < MOST:  # otherwise the deeds before the first entry would look like the beginning
        told[:0] = [] if any(entry.event == LogEvent.CREATED for entry in latest) else [_created(job)]
    deeds = [
        Sentence(deed.action_time, f"{person(deed.user)} {deed.get_change_message()}.")
        for deed in deeds_of(job)[:MOST]
    ]
    return sorted([*told, *deeds], key=lambda sentence: sentence.at)


def _created(job: DataImportJob) -> Sentence:
    return Sentence(job.created_at, "The job was created.")


def _told(entries: Iterable[MigrationLog]) -> list[Sentence]:
    told: list[Sentence] = []
    before, times = "", 0
    for entry in entries:
        text = sentence_of(entry)
        if not text:
            continue
        times = times + 1 if entry.event == before and entry.event in IN_A_ROW else 1
        if times > 1:
            told.pop()
            text = f"{text} That happened {times:,} times in a row."
        told.append(Sentence(entry.logged_at, text))
        before = entry.event
    return told


def sentence_of(entry: MigrationLog) -> str:
    """Tell one entry; its reason and details are redacted by then. Empty: nothing that people need."""
    tell = SENTENCES.get(entry.event)
    return tell(entry.reason.rstrip("."), entry.details) if tell else f"{entry.get_event_display()}."


def _with(sentence: str) -> Callable[[str, dict[str, Any]], str]:
    """Return a teller that adds the reason, where there is one that may be read."""
    return lambda reason, details: f"{sentence}{_why(reason)}"


def _plain(sentence: str) -> Callable[[str, dict[str, Any]], str]:
    return lambda reason, details: sentence


def _why(reason: str) -> str:
    return f": {reason}." if reason and not _is_hidden(reason) else "."


def _is_hidden(reason: str) -> bool:
    return reason == HIDDEN.rstrip(".")


def _reason_alone(reason: str, details: dict[str, Any]) -> str:
    return "" if _is_hidden(reason) else f"{reason}."


def _created_by(reason: str, details: dict[str, Any]) -> str:
    return "The job was created."


def _planned(reason: str, details: dict[str, Any]) -> str:
    columns, chunks = len(details.get("columns") or ()), reason.split(" ")[0]
    parts = f" and divided into {chunks} parts" if chunks.isdecimal() and int(chunks) > 1 else ""
    return f"The source was read: {counted(columns, 'column')}{parts}."


def _executing(reason: str, details: dict[str, Any]) -> str:
    executor, _, workers = reason.partition(", ")
    number = workers.split(" ")[0]
    if executor == "inline" or number == "1":
        return "Records began to go in, by one worker."
    where = " on any machine" if executor == "workers" else ""
    return f"Records began to go in, by {number} workers{where}."


def _ended(how: str) -> Callable[[str, dict[str, Any]], str]:
    def tell(reason: str, details: dict[str, Any]) -> str:
        why = _why(reason)
        read, rejected = details.get("read"), details.get("rejected", 0)
        if not read:
            return f"{how}{why}"
        return (
            f"{how}{why} {counted(read, 'record')} {were(read)} read by then, {rejected:,} of them rejected."
        )

    return tell


def _mended(reason: str, details: dict[str, Any]) -> str:
    number = details.get("mended", 0)
    return f"{counted(number, 'rejected record')} {were(number)} repaired."


def _replayed(reason: str, details: dict[str, Any]) -> str:
    read, rejected = details.get("read", 0), details.get("rejected", 0)
    return (
        f"{counted(read, 'rejected record')} {were(read)} put in again: {read - rejected:,} are in, {rejected:,} were "
        f"rejected again."
    )


def _undone(reason: str, details: dict[str, Any]) -> str:
    parts = [
        (details.get("deleted"), "{} deleted"),
        (details.get("parents"), "{} deleted that it had created for others to refer to"),
        (details.get("restored"), "{} put back as before"),
    ]
    done = [words.format(counted(number, "row")) for number, words in parts if number]
    stays = sum(details.get(name) or 0 for name in ("changed", "not_kept", "refused"))
    left = f" {counted(stays, 'row')} stay." if stays else ""
    return f"The job was undone: {listed(done) or 'nothing was left to do'}.{left}"


SENTENCES: dict[str, Callable[[str, dict[str, Any]], str]] = {
    LogEvent.CREATED: _created_by,
    LogEvent.REFUSED: _with("It was not done in the background"),
    LogEvent.WAITING: _plain("It waited for the process that had the job."),
    LogEvent.STARTED: lambda reason, details: f"A run began on {reason.partition(':')[0]}.",
    LogEvent.PLANNED: _planned,
    LogEvent.SURVEY: _reason_alone,
    LogEvent.NOTED: _reason_alone,
    LogEvent.FRESH: _with("Loading an empty table"),
    LogEvent.GATHERED: _with("Deciding which records come first"),
    LogEvent.EXECUTING: _executing,
    LogEvent.NO_WORKER: _plain("No worker took anything from the queue."),
    LogEvent.RETRY: _with("The database was away for a moment, and the worker went on"),
    LogEvent.LEASE_LOST: _plain("A worker was silent for so long that another took over its part."),
    LogEvent.RECYCLED: _plain("A worker was replaced, because it used too much memory."),
    LogEvent.WORKER_DIED: _plain("A worker died, and another took its place."),
    LogEvent.WORKER_FAILED: _with("A worker failed"),
    LogEvent.DIED: _plain("The process of the run before was killed."),
    LogEvent.STOPPED: _ended("The run was stopped"),
    LogEvent.FAILED: _ended("The run failed"),
    LogEvent.COMPLETED: _ended("The run was completed"),
    LogEvent.DRY_RUN_FAILED: _with("A check failed"),
    LogEvent.MENDED: _mended,
    LogEvent.REPLAYED: _replayed,
    LogEvent.PERSON_ERASED: _reason_alone,
    LogEvent.REJECTS_PRUNED: _reason_alone,
    LogEvent.UPLOAD_DELETED: _plain("The uploaded file was deleted, as old ones are."),
    LogEvent.UNDONE: _undone,
}
