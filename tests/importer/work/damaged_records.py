"""Records of the benchmark's shapes, some of them damaged."""

from benchmarks.shapes.records import Record
from benchmarks.shapes.records import records as clean_records

# What a record of the source has wrongly.
DAMAGE = {
    "amount": "many",
    "email": "nobody",
    "weight": "heavy",
    "address": "1.2.3",
    "end": "1999-01-01",
    "at": "then",
    "day3": "30.2.2020",
    "is_active": "perhaps",
    "parent": "nobody",
}


def damaged(shape: str, count: int = 90) -> list[Record]:
    """Return records of which some are invalid, and some have the key of an earlier one, in other letters."""
    rows = [dict(record) for record in clean_records(shape, count)]
    for number in range(0, count, 11):
        if names := sorted(DAMAGE.keys() & rows[number].keys()):
            rows[number][names[number % 2 - 1]] = DAMAGE[names[number % 2 - 1]]
    first = next(iter(rows[0]))
    for number in range(7, count, 9):
        rows[number][first] = rows[number // 2][first].lower()
    for number in range(5, 60, 13):  # a value that an update takes from one row, and gives to another
        for name in ("email", "amount"):
            if name in rows[number]:
                rows[number][name], rows[number + 9][name] = rows[number + 9][name], rows[number][name]
    return rows
