"""Notes which keys occur more than once in the source."""

import polars as pl

from importer import ledger
from importer.models import DataImportJob
from importer.order.repeats import Repeated
from importer.parse.reader import Reader
from importer.specs.mapping import Mapping

# What the note is about, and the job's option that says that the keys have been counted.
REPEATS, COUNTED = "repeated keys", "keys_counted"


def note_repeats(job: DataImportJob, mapping: Mapping, reader: Reader, found: pl.DataFrame) -> None:
    repeated = Repeated.of(found, job, mapping, reader)
    if repeated.keys:
        sentence = repeated.sentence(mapping.duplicates)
        ledger.note(job, REPEATS, sentence, keys=repeated.keys, records=repeated.records)
    note_counted(job)


def note_counted(job: DataImportJob) -> None:
    """Note that the keys have been counted."""
    job.options = (job.options or {}) | {COUNTED: True}
    job.save(update_fields=["options"])


def has_counted_keys(job: DataImportJob) -> bool:
    job.refresh_from_db(fields=["options"])  # a worker elsewhere may have counted them
    return bool(job.options.get(COUNTED))
