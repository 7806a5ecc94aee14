"""Divides dependent records of one batch into rounds of independent ones."""

from collections import Counter
from collections.abc import Iterable, Sequence


def rounds(links: Iterable[Sequence[int]]) -> list[list[int]]:
    """Return rounds of record numbers. Each link names records that depend on one another.

    Each round takes one record from every connected group, in source order. So the rounds give the result of writing
    the records one by one; a swap of 5,000 pairs of values takes two rounds.
    """
    leaders: dict[int, int] = {}

    def leader(number: int) -> int:
        while leaders[number] != number:
            leaders[number] = number = leaders[leaders[number]]
        return number

    for first, *others in links:
        leaders.setdefault(first, first)
        for other in others:
            leaders.setdefault(other, other)
            leaders[leader(other)] = leader(first)
    result: list[list[int]] = []
    places: Counter[int] = Counter()
    for number in sorted(leaders):
        place = places[leader(number)]
        places[leader(number)] += 1
        if place == len(result):
            result.append([])
        result[place].append(number)
    return result
