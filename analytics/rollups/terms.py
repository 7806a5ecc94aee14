"""The values of the dimensions as small numbers.

A dimension has at most `MOST` values; what comes after them is counted as OTHER, for ever. Without a bound, whoever
sends invented browsers could make the cube as large as the log.
"""

from collections.abc import Iterable, Mapping

from analytics.models import Term

MOST = 250
NONE, OTHER, UNKNOWN, ANY = 0, -1, -2, -3
OTHER_VALUE = "(other)"


class Terms:
    """All terms, as read once. A value counts under the number it had when it was first counted."""

    def __init__(self, using: str | None = None) -> None:
        """`using`: where they are counted; None: where reports are read."""
        self._terms = Term.objects.using(using)
        self._numbers: dict[str, dict[str, int]] = {}
        self._values = {NONE: "", OTHER: OTHER_VALUE}
        for number, kind, value in self._terms.values_list("id", "kind", "value"):
            self._note(kind, value, number)

    def _note(self, kind: str, value: str, number: int) -> None:
        self._numbers.setdefault(kind, {})[value] = number
        self._values[number] = value

    def number(self, kind: str, value: str) -> int:
        """What an event with this value is counted under."""
        if not value:
            return NONE
        return self._numbers.get(kind, {}).get(value, OTHER)

    def asked(self, kind: str, value: str) -> int:
        """What to look for; UNKNOWN is in no row."""
        if value == OTHER_VALUE:
            return OTHER
        return self._numbers.get(kind, {}).get(value, UNKNOWN) if value else NONE

    def value(self, number: int) -> str:
        """A number that came after these were read is not known; whoever met it has to read again."""
        return self._values.get(number, OTHER_VALUE)

    def add(self, found: Mapping[str, Iterable[str]]) -> None:
        """Give numbers to the values that have none, in their order, as long as there is room. Within a transaction."""
        for kind, values in found.items():
            known = self._numbers.setdefault(kind, {})
            fresh = sorted(set(values) - known.keys() - {""})[: max(0, MOST - len(known))]
            for term in self._terms.bulk_create([Term(kind=kind, value=value) for value in fresh]):
                self._note(kind, term.value, term.pk)

    def known(self, kind: str) -> list[str]:
        return list(self._numbers.get(kind, {}))

    def full(self) -> dict[str, list[str]]:
        """The dimensions that take no more values, with those they have."""
        return {kind: list(known) for kind, known in self._numbers.items() if len(known) >= MOST}
