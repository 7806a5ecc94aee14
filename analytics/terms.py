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

    def __init__(self) -> None:
        self._numbers: dict[str, dict[str, int]] = {}
        self._values = {NONE: "", OTHER: OTHER_VALUE}
        for number, kind, value in Term.objects.values_list("id", "kind", "value"):
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
        return self._values[number]

    def add(self, found: Mapping[str, Iterable[str]]) -> None:
        """Give numbers to the values that have none, in their order, as long as there is room. Within a transaction."""
        for kind, values in found.items():
            known = self._numbers.setdefault(kind, {})
            fresh = sorted(set(values) - known.keys() - {""})[: max(0, MOST - len(known))]
            for term in Term.objects.bulk_create([Term(kind=kind, value=value) for value in fresh]):
                self._note(kind, term.value, term.pk)
