"""Moves millions of legacy records into Django models: exactly once, with an account of every record.

The packages in the order of their floors; imports run down only, and import-linter checks it (`pyproject.toml`):

    management   the commands
    executors    run workers: in this process, in processes of this machine, on other machines
    run          one run of a job: plan, survey, execute, settle, finish
    rejects      rejected records: report, export, take back in, replay
    privacy      erase a person, delete old data
    work         a worker: claims chunks and carries each through the stages
    ledger       the only writer of chunks, staging records and the log; leases, fencing, locks
    write        rows into the table: COPY, or a comparison in a temporary table; duplicates are decided here
    order        which records meet one another, so that several workers do what one would have done
    validate     texts into clean values, by columns or by Django itself; parents; the row lane
    parse        bytes or rows into batches of raw text, one reader for each format
    sources      where the bytes are: files, S3, storages, uploads; fetched and unpacked into the spool
    specs        what a site declares, and the mapping compiled from it

The names below are the whole public interface. They are loaded on first use, because models are not ready when Django
imports an app's package.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importer.run.results import ImportResult
    from importer.run.run import run_import
    from importer.signals import batch_committed, import_finished, import_started
    from importer.specs.registry import register
    from importer.specs.spec import Column, Lookup, ModelImport

_HOMES = {
    "Column": "importer.specs.spec",
    "Lookup": "importer.specs.spec",
    "ModelImport": "importer.specs.spec",
    "register": "importer.specs.registry",
    "run_import": "importer.run.run",
    "ImportResult": "importer.run.results",
    "import_started": "importer.signals",
    "batch_committed": "importer.signals",
    "import_finished": "importer.signals",
}

__all__ = [
    "Column",
    "ImportResult",
    "Lookup",
    "ModelImport",
    "batch_committed",
    "import_finished",
    "import_started",
    "register",
    "run_import",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'importer' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
