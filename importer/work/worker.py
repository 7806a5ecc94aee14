"""Claims chunks and carries them through the pipeline until none is left.

The same code runs in this process, in a separate one (`python -m importer.executors.worker_process`) and on other
machines (`importer.tasks`). Workers share only the ledger.
"""

import contextlib

from django.db import Error as DatabaseError
from django.db import transaction

from importer import ledger
from importer.conf import conf
from importer.exceptions import ChunkFailed, LeaseLost, OrderDecides, first_line
from importer.ledger import Figures
from importer.ledger.holds import Owner
from importer.ledger.leases import Lease
from importer.models import DataImportJob, LogEvent, ledger_alias
from importer.order.repeats import KEYS_AT_ONCE, Repeats
from importer.parse.open import open_reader
from importer.parse.reader import Reader
from importer.specs.compile import compile_mapping
from importer.specs.registry import get_spec
from importer.work.control import Control
from importer.work.pipeline import Stages, run_chunk
from importer.work.pour import pour_chunk
from importer.work.repeats import note_repeats
from importer.work.retry import is_transient, patiently
from importer.write.sample import Sample


class Worker:
    """Works on a job's chunks. With `chunk_id` only on that chunk, if no other worker has it.

    `is_ahead`: the source is still being surveyed. Until that is done the ledger gives out chunks in order, to one
    worker at a time, so what this one writes comes before all that any worker sets aside later.
    """

    def __init__(
        self,
        job: DataImportJob,
        control: Control,
        *,
        sample: Sample | None = None,
        chunk_id: int | None = None,
        is_ahead: bool = False,
    ) -> None:
        self.job = job
        self.chunk_id = chunk_id
        self.is_ahead = is_ahead
        self.control = control
        self.sample = sample
        self.mapping = compile_mapping(get_spec(job.spec), job.columns or [], job.dialect)
        self.owner = Owner()
        self.stages: Stages | None = None
        self.reader: Reader | None = None
        self.lease: Lease | None = None
        self.trouble = ""
        self.repeats: Repeats | None = None

    def _takes_all_in_order(self) -> bool:
        """Whether this worker is going to read every record, so that it can see which keys repeat."""
        if not self.mapping.key or self.mapping.decides_repeats or self.chunk_id is not None or self.is_ahead:
            return False
        return (
            self.job.survey_state == DataImportJob.SurveyState.NOT_DONE and not Figures.of(self.job).batches
        )

    def drain(self) -> None:
        """Work until no chunk is left to claim, or until asked to stop.

        Raises ImporterError if the job cannot continue, and DatabaseError for errors that are neither transient nor
        caused by a record.
        """
        try:
            patiently(self._drain, self.control, on_trouble=self._remember_trouble)
            patiently(self._note_repeats, self.control)
        except DatabaseError as error:
            if not (is_transient(error) and self.control.stopping):
                raise
        finally:
            self._leave()

    def _drain(self) -> None:
        """Work on one connection until no chunk is left."""
        if self.control.stopping:
            return
        self._connect()
        while not self.control.stopping:
            try:
                worked = self._work_on_next_chunk()
            except LeaseLost as lost:
                chunk_id = self.lease.chunk.pk if self.lease else None
                ledger.log(self.job, LogEvent.LEASE_LOST, str(lost), chunk_id=chunk_id)
                if self.stages:
                    self.stages.forget()
                continue
            if self.chunk_id is not None or (not worked and not ledger.has_open_chunks(self.job)):
                return
            if not worked:
                self.control.idle()  # others have the last chunks; if they die, we take over

    def _note_repeats(self) -> None:
        """Note which keys repeat, if this worker has read every record."""
        if self.repeats is None or self.reader is None or not self.repeats.is_complete:
            return
        figures = Figures.of(self.job)
        if not figures.has_open_chunks and self.repeats.records == figures.counts.read:
            note_repeats(self.job, self.mapping, self.reader, self.repeats.found())

    def _leave(self) -> None:
        """Release the lease and the lock, so that they do not delay the next run."""
        if self.reader:
            self.reader.close()
        with contextlib.suppress(DatabaseError):
            if self.lease:
                ledger.release(self.lease)
            self.owner.retire()

    def _connect(self) -> None:
        self.owner.announce()
        self._note_trouble()
        if self.stages is None and self._takes_all_in_order():
            self.repeats = Repeats(self.mapping, at_most=KEYS_AT_ONCE)
        # The stages' state belongs to a connection, so each new connection needs new stages.
        self.stages = Stages.of(
            self.job, self.mapping, sample=self.sample, repeats=self.repeats, awaits_survey=self.is_ahead
        )
        if self.reader is None:
            self.reader = open_reader(self.job)

    def _work_on_next_chunk(self) -> bool:
        assert self.stages
        assert self.reader
        self.lease = ledger.claim(self.job, self.owner, chunk_id=self.chunk_id)
        if self.lease is None:
            return False
        chunk = self.lease.chunk
        if chunk.attempts > conf.MAX_CHUNK_ATTEMPTS:
            raise ChunkFailed(
                f"Chunk {chunk.number} (from {self.job.place_of(chunk.committed_line)}) failed "
                f"{chunk.attempts - 1} times without progress: {chunk.last_error or 'its workers died'}."
            )
        if phase := self.job.gather_phase:
            self.job.refresh_from_db(fields=["options"])
            if self.job.gather_phase != phase:  # a worker may outlive a phase
                self.stages = Stages.of(self.job, self.mapping)
        run = pour_chunk if self.job.gather_phase == self.job.GatherPhase.POUR else run_chunk
        try:
            run(self.stages, self.lease, self.reader, self.control)
        except OrderDecides as reason:
            self._note_order(str(reason))
            raise
        return True

    def _note_order(self, reason: str) -> None:
        """Note why records cannot be gathered after all, for the coordinator."""
        with transaction.atomic(using=ledger_alias()):
            job = DataImportJob.objects.select_for_update().get(pk=self.job.pk)
            job.options["gathered"]["order"] = reason
            job.save(update_fields=["options"])

    def _remember_trouble(self, error: DatabaseError) -> None:
        self.trouble = first_line(error)

    def _note_trouble(self) -> None:
        """Log the error. Only after `announce`: before it, our own lost connection may still lock the chunk."""
        if self.trouble:
            ledger.log(self.job, LogEvent.RETRY, self.trouble)
            if self.lease:
                ledger.note_failure(self.lease, self.trouble)
            self.trouble = ""
