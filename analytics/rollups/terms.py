"""Numbers the values of the dimensions, so that roll-ups store small integers.

A dimension has at most `MOST` values; further values are counted as OTHER, permanently. Without this limit, anybody who
sends invented browsers could make the cube as large as the log.
"""

from collections.abc import Iterable, Mapping

from analytics.models import Term

MOST = 250
NONE, OTHER, UNKNOWN, ANY = 0, -1, -2, -3
OTHER_VALUE = "(other)"


class Terms:
    """All terms, read once. A value keeps the number under which it was first counted."""

    def __init__(self, using: str | None = None) -> None:
        """`using` is the database that counting writes to; None reads where reports are read."""
        self._terms = Term.objects.using(using)
        self._numbers: dict[str, dict[str, int]] = {}
        self._values = {NONE: "", OTHER: OTHER_VALUE}
        for number, kind, value in self._terms.values_list("id", "kind", "value"):
            self._note(kind, value, number)

    def _note(self, kind: str, value: str, number: int) -> None:
        self._numbers.setdefault(kind, {})[value] = number
        self._values[number] = value

    def number(self, kind: str, value: str) -> int:
        """Return the number under which an event with this value is counted."""
        if not value:
            return NONE
        return self._numbers.get(kind, {}).get(value, OTHER)

    def number_to_find(self, kind: str, value: str) -> int:
        """Return the number to search the roll-ups for. No row has UNKNOWN."""
        if value == OTHER_VALUE:
            return OTHER
        return self._numbers.get(kind, {}).get(value, UNKNOWN) if value else NONE

    def value(self, number: int) -> str:
        """Return the value of a number.

        A number that was added after these terms were read is not known; a reader that meets it reads again.
        """
        return self._values.get(number, OTHER_VALUE)

    def add(self, values_by_kind: Mapping[str, Iterable[str]]) -> None:
        """Give numbers to new values in sorted order, as long as there is room. Call it in a transaction."""
        for kind, values in values_by_kind.items():
            numbers = self._numbers.setdefault(kind, {})
            fresh = sorted(set(values) - numbers.keys() - {""})[: max(0, MOST - len(numbers))]
            for term in self._terms.bulk_create([Term(kind=kind, value=value) for value in fresh]):
                self._note(kind, term.value, term.pk)

    def values_of(self, kind: str) -> list[str]:
        return list(self._numbers.get(kind, {}))

    def full(self) -> dict[str, list[str]]:
        """Return the values of each dimension that accepts no new ones."""
        return {kind: list(numbers) for kind, numbers in self._numbers.items() if len(numbers) >= MOST}
