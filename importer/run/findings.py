"""Decides before a run which of the records with one key counts, and tells after it what was found in the source."""

from django.db.models import F, Sum

from importer import ledger
from importer.models import DataImportJob, ImportChunk
from importer.order.decided import OPTION, decide_repeats
from importer.order.repeats import read_repeats
from importer.parse.open import open_reader
from importer.rejects.report import notes_on_reading
from importer.run.plan import COLUMNS
from importer.run.watch import Watch
from importer.specs.mapping import Mapping
from importer.work.repeats import has_counted_keys, note_repeats

# What the note on missing rows is about.
MISSING = "missing rows"


def tell_plan(watch: Watch) -> None:
    """Tell what the plan has noted about the source, also when a planned job goes on."""
    watch.tell(ledger.notes_of(watch.job).get(COLUMNS, []))


def prepare_repeats(watch: Watch, mapping: Mapping) -> None:
    """Decide which records count, once per job, where a run in order would not give what the spec says."""
    if mapping.decides_repeats and OPTION not in watch.job.options:
        _note_repeats(watch, mapping)


def tell_findings(watch: Watch, mapping: Mapping) -> None:
    """Tell what was noted since the plan. Where no worker has seen every key, the keys are read once more."""
    if mapping.key and not has_counted_keys(watch.job):
        _note_repeats(watch, mapping)
    for about, sentences in ledger.notes_of(watch.job).items():
        if about != COLUMNS:
            watch.tell(sentences)
    watch.tell(notes_on_reading(watch.job))


def tell_missing_rows(watch: Watch) -> None:
    """Tell how many rows of a table were planned and are no longer there."""
    job = watch.job
    if job.format != DataImportJob.Format.TABLE:
        return
    chunks = ImportChunk.objects.filter(job=job)
    planned: int = chunks.aggregate(rows=Sum(F("end_offset") - F("start_offset")))["rows"]
    if missing := planned - watch.figures.counts.read:
        sentence = (
            f"The source had {missing:,} more {'row' if missing == 1 else 'rows'} when it was planned; "
            f"{'it is' if missing == 1 else 'they are'} not there any more."
        )
        ledger.note(job, MISSING, sentence, rows=missing)
        watch.tell([sentence])


def _note_repeats(watch: Watch, mapping: Mapping) -> None:
    job, reader = watch.job, open_reader(watch.job)
    find = decide_repeats if mapping.decides_repeats and OPTION not in job.options else read_repeats
    try:
        note_repeats(job, mapping, reader, find(job, mapping, reader))
    finally:
        reader.close()
