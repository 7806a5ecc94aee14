"""Records of one batch that collide with one another: which of them win, taken in the order of the source."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# A record's values as numbers, by group of unique fields; equal numbers are equal values.
Values = Mapping[int, int]
# The group of the natural key.
KEY = 0


@dataclass(slots=True)
class Verdicts:
    """refused: record → the group it collides in. turns: records that are written over an earlier one, and when."""

    refused: dict[int, int] = field(default_factory=dict)
    skipped: list[int] = field(default_factory=list)
    turns: dict[int, int] = field(default_factory=dict)


def decide_duplicates(records: Mapping[int, Values], *, on_conflict: str) -> Verdicts:
    """What a run record by record would have done: a value belongs to the first record that was written with it."""
    verdicts = Verdicts()
    owners: dict[tuple[int, int], int] = {}
    last_turn: dict[int, int] = {}
    for number in sorted(records):
        values = records[number]
        earlier = owners.get((KEY, values[KEY])) if KEY in values else None
        row = number if earlier is None else earlier
        clash = next(
            (group for group, value in values.items() if owners.get((group, value), row) != row), None
        )
        if earlier is not None and on_conflict == "skip":
            verdicts.skipped.append(number)
        elif earlier is not None and on_conflict == "reject":
            verdicts.refused[number] = KEY
        elif clash is not None:
            verdicts.refused[number] = clash
        else:
            owners |= dict.fromkeys(values.items(), row)
            if earlier is not None:
                verdicts.turns[number] = last_turn[row] = last_turn.get(row, 0) + 1
    return verdicts
