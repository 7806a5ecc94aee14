"""Move millions of legacy records into Django models: exactly once, and every one of them accounted for.

The names below are the whole public interface; they are loaded on first use, since models are not ready when Django
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
