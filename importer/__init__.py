"""Imports millions of legacy records into Django models, exactly once, and accounts for every record.

Packages from top to bottom. Imports only run down; import-linter checks it (`pyproject.toml`):

    management   the commands
    browser      the pages in the admin, from a file to signed-off records
    executors    run workers: in this process, in processes of this machine, on other machines
    run          carries out one run of a job: plan, survey, execute, settle, finish
    verify       compares a job's source with the table again, and signs off or names the differences
    rejects      reports, exports, takes back and replays rejected records
    undo         takes back what a job has written
    review       lets a second person approve a job before it writes anything
    privacy      erases a person, deletes old data
    suggest      guesses how a file is written and which field each column fills, with the reasons
    fresh        loads an empty table through a bare copy, which then takes its place
    gather       lets workers share a job in which the order decides: records wait in a table of their own
    work         claims chunks and carries each through the stages
    ledger       the only writer of chunks, staging records and the log; leases, fencing, locks
    write        writes rows, by COPY or by comparison in a temporary table, and decides duplicates
    order        finds records that depend on one another, so that many workers give the result of one
    validate     cleans texts by column or with Django itself, finds parents, runs the row lane
    parse        reads bytes or rows into batches of raw text, one reader a format
    sources      locates files, S3 objects, storages and uploads; fetches and unpacks them into the spool
    specs        holds what a site declares, and compiles it into a mapping

The names below are the whole public interface. They are loaded on first use, because models are not ready when Django
imports an app's package.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importer.run.results import ImportResult
    from importer.run.run import run_import
    from importer.signals import batch_committed, import_finished, import_started
    from importer.specs.declarations import Column, Constant, Lookup, Many
    from importer.specs.dialect import Dialect
    from importer.specs.registry import register
    from importer.specs.spec import ModelImport

_HOMES = {
    "Column": "importer.specs.declarations",
    "Constant": "importer.specs.declarations",
    "Dialect": "importer.specs.dialect",
    "Lookup": "importer.specs.declarations",
    "Many": "importer.specs.declarations",
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
    "Constant",
    "Dialect",
    "ImportResult",
    "Lookup",
    "Many",
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
