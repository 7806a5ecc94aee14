"""Begins the page of a job with the sentences that matter most."""

from dataclasses import dataclass

from importer.browser.job.phase import Phase
from importer.browser.words import counted, duration, file_of, rows_of, were
from importer.models import DataImportJob
from importer.records import Counts
from importer.rejects.report import Family

RESUMES = "Resume goes on after the last record that was committed; nothing is written twice."
START_WORKER = "manage.py procrastinate worker"


@dataclass(frozen=True, slots=True)
class Lead:
    """What is said first, and the class of its mark: good, doubt or bad; empty for none."""

    text: str
    tone: str = ""


def lead_of(job: DataImportJob, phase: Phase, counts: Counts, families: list[Family]) -> Lead:
    if phase in (Phase.COMPLETED, Phase.UNDO_WAITS, Phase.UNDOING):
        text = told(counts, families)
        more = {
            Phase.UNDO_WAITS: " The undo waits for a worker.",
            Phase.UNDOING: " A process is at work on it: an undo, or a replay of rejected records.",
        }
        return Lead(text + more.get(phase, ""), "doubt" if counts.rejected or not counts.read else "good")
    if phase == Phase.UNDONE:
        return Lead(_undone(job), "good")
    if phase == Phase.FAILED:
        return Lead(f"The run failed: {job.error} {_so_far(counts)}", "bad")
    if phase == Phase.STOPPED:
        return Lead(f"Stopped. {_so_far(counts)} {RESUMES}", "doubt")
    if phase == Phase.LOST:
        return Lead(f"Interrupted: the process that ran it is gone. {_so_far(counts)} {RESUMES}", "bad")
    if phase == Phase.IN_REVIEW:
        return Lead("It was tried and taken back, and waits for a second person to approve it.", "doubt")
    if phase == Phase.RUNNING:
        return Lead("It will stop after the current batch." if job.stop_requested else "It is running.")
    if phase == Phase.WAITING:
        return Lead("It waits for a worker.")
    return Lead(f"Ready to import {file_of(job)} into {rows_of(job)}. Nothing has been written yet.")


def told(counts: Counts, families: list[Family]) -> str:
    """Tell what became of the records: "2,848 of 3,000 records are in. 152 were rejected, 131 for one reason."."""
    if not counts.read:
        return "The source has no records; nothing was imported."
    arrived = counts.inserted + counts.updated + counts.unchanged
    if arrived == counts.read:
        return "The only record is in." if arrived == 1 else f"All {arrived:,} records are in."
    sentences = [f"{arrived:,} of {counted(counts.read, 'record')} {'is' if arrived == 1 else 'are'} in."]
    if counts.rejected:
        sentences.append(
            f"{counts.rejected:,} {were(counts.rejected)} rejected{_one_reason(counts, families)}."
        )
    if counts.skipped:
        sentences.append(f"{counts.skipped:,} {were(counts.skipped)} skipped, as the import says.")
    return " ".join(sentences)


def _one_reason(counts: Counts, families: list[Family]) -> str:
    """Say how many have the most common reason, where that is news."""
    most = families[0].records if families else 0
    if most < 2:
        return ""
    return ", all of them for one reason" if most == counts.rejected else f", {most:,} of them for one reason"


def _so_far(counts: Counts) -> str:
    if not counts.read:
        return "Nothing has been written."
    arrived = counts.inserted + counts.updated + counts.unchanged
    return (
        f"So far {counted(counts.read, 'record')} {were(counts.read)} read, and {arrived:,} of them are in."
    )


def _undone(job: DataImportJob) -> str:
    done = [f"{counted(job.undone, 'row')} {were(job.undone)} deleted"]
    if job.restored:
        done.append(f"{counted(job.restored, 'row')} {were(job.restored)} put back as before")
    return f"Undone: {' and '.join(done)}."


def took(job: DataImportJob) -> str:
    """Say how long the last run took."""
    if not (job.started_at and job.finished_at) or job.finished_at < job.started_at:
        return ""
    return duration((job.finished_at - job.started_at).total_seconds())
