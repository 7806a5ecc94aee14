"""Decides which of the records of one batch that collide win, in the order of the source."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# A record's values as numbers, by group of unique fields; equal numbers are equal values.
Values = Mapping[int, int]
# The group of the natural key.
KEY = 0


@dataclass(slots=True)
class Verdicts:
    """The decision for each colliding record, by its number.

    rejected  record → the group of unique fields in which it collides
    skipped   records whose key an earlier record has
    turns     records that are written over an earlier one → in which turn, from 1
    """

    rejected: dict[int, int] = field(default_factory=dict)
    skipped: list[int] = field(default_factory=list)
    turns: dict[int, int] = field(default_factory=dict)


def decide_duplicates(records: Mapping[int, Values], *, on_conflict: str) -> Verdicts:
    """Decide as a run record by record would: a value belongs to the first record that is written with it."""
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
            verdicts.rejected[number] = KEY
        elif clash is not None:
            verdicts.rejected[number] = clash
        else:
            owners |= dict.fromkeys(values.items(), row)
            if earlier is not None:
                verdicts.turns[number] = last_turn[row] = last_turn.get(row, 0) + 1
    return verdicts
