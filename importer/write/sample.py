"""Some of what a dry run would change."""

from dataclasses import dataclass, field
from typing import Any

MOST = 5


@dataclass(slots=True)
class Sample:
    """inserted: rows as they would be. updated: for each row its key and, by column, the value before and after."""

    inserted: list[dict[str, Any]] = field(default_factory=list)
    updated: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {"inserted": self.inserted, "updated": self.updated}
