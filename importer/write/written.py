"""Adds up what became of the records of a batch while they are written."""

from dataclasses import dataclass, field

from importer.records import Counts, RecordError


@dataclass(slots=True)
class Written:
    """Fates of a batch's sound records; `errors` has those that were not written, by record number.

    searched   how many of these were found by halves, which costs a search for each
    dependent  records that are still to be written, in rounds: their fates depend on one another
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    errors: dict[int, list[RecordError]] = field(default_factory=dict)
    searched: int = 0
    dependent: list[list[int]] = field(default_factory=list)

    def reject(self, number: int, errors: list[RecordError]) -> None:
        self.errors.setdefault(number, []).extend(errors)

    def add(self, other: "Written") -> None:
        self.inserted += other.inserted
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.skipped += other.skipped
        self.searched += other.searched
        for number, errors in other.errors.items():
            self.reject(number, errors)

    def counts(self) -> Counts:
        """Without the rejected ones."""
        fates = (self.inserted, self.updated, self.unchanged, self.skipped)
        return Counts(sum(fates), *fates)
