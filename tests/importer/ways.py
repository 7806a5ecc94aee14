"""The ways in which tests run an import: by how many workers, in batches of which size."""

from collections.abc import Sequence
from typing import Any

# "as-many": the survey and the settlement of several workers, with the work itself done in this process.
EXECUTORS = {
    "inline": "importer.executors.inline.execute",
    "process": "importer.executors.process.execute",
    "as-many": "importer.executors.inline.execute",
}
AS_MANY: dict[str, Any] = {"executor": "as-many", "workers": 2}


def as_csv(records: Sequence[dict[str, str]]) -> str:
    return "\n".join(",".join(row) for row in [records[0].keys(), *(r.values() for r in records)]) + "\n"


def sizes(settings: Any, records: int) -> None:
    bounds = dict.fromkeys(("BATCH_SIZE_MIN", "BATCH_SIZE_INITIAL", "BATCH_SIZE_MAX"), records)
    settings.IMPORTER |= bounds | {"CHUNK_BYTES": 24, "EXECUTORS": EXECUTORS}
