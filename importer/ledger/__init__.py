"""Keeps the ledger: who works on which chunk, how far each chunk is, and the fates of its records.

A chunk's cursor and counters move in the transaction that writes its records. Each claim gets a token one higher than
the last (a fencing token), and a commit with an older token is refused. So a kill at any moment loses nothing and
repeats nothing, and a worker that was wrongly taken for dead cannot write records twice.

A dead worker is noticed at once, because the server frees its advisory lock (`holds`); a frozen worker is noticed when
its lease ends (`leases`). Only this package writes chunks, staging records and the log; the erasure of a person
(`privacy`) is the one exception.
"""

from importer.ledger.audit import log, log_long_fields, log_total, note, notes_of
from importer.ledger.deletion import delete_rows
from importer.ledger.figures import Figures, take_back, take_gathered_back
from importer.ledger.holds import JOBS, WORKERS, JobHold, Owner, hold_job, is_held, ledger_backend, let_job_go
from importer.ledger.leases import (
    Lease,
    add_chunks,
    advance,
    attended,
    begin_anew,
    claim,
    committed_batches,
    fence,
    forget_attempts,
    forget_failures,
    has_open_chunks,
    note_failure,
    open_all,
    release,
    unattended_chunks,
)
from importer.ledger.staging import replace_values, set_aside, update_records

__all__ = [
    "JOBS",
    "WORKERS",
    "Figures",
    "JobHold",
    "Lease",
    "Owner",
    "add_chunks",
    "advance",
    "attended",
    "begin_anew",
    "claim",
    "committed_batches",
    "delete_rows",
    "fence",
    "forget_attempts",
    "forget_failures",
    "has_open_chunks",
    "hold_job",
    "is_held",
    "ledger_backend",
    "let_job_go",
    "log",
    "log_long_fields",
    "log_total",
    "note",
    "note_failure",
    "notes_of",
    "open_all",
    "release",
    "replace_values",
    "set_aside",
    "take_back",
    "take_gathered_back",
    "unattended_chunks",
    "update_records",
]
