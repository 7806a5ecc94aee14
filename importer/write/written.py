"""Counts inserted, updated, unchanged, skipped and rejected records of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from importer.records import Counts, RecordError


@dataclass(slots=True)
class Written:
    """Fates of a batch's records.

    errors     reasons of the records that were rejected, by record number
    searched   how many of them a search by halves found, which costs time for each
    dependent  records that depend on one another and are not written yet, in rounds
    gathered   how many were put into a table of their own, where they wait for their fate
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    errors: dict[int, list[RecordError]] = field(default_factory=dict)
    searched: int = 0
    dependent: list[list[int]] = field(default_factory=list)
    gathered: int = 0

    def reject(self, number: int, errors: Sequence[RecordError]) -> None:
        self.errors.setdefault(number, []).extend(errors)

    def add(self, other: "Written") -> None:
        self.inserted += other.inserted
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.skipped += other.skipped
        self.gathered += other.gathered
        self.searched += other.searched
        for number, errors in other.errors.items():
            self.reject(number, errors)

    def counts(self) -> Counts:
        """Return the counts without the rejected records."""
        fates = (self.inserted, self.updated, self.unchanged, self.skipped)
        return Counts(sum(fates), *fates)
