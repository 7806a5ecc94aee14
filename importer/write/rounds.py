"""Records of one batch whose fates hang on one another, taken apart into rounds."""

from collections import Counter
from collections.abc import Iterable, Sequence


def rounds(links: Iterable[Sequence[int]]) -> list[list[int]]:
    """Each link names records that touch one another. Of all that hang together, each round has one, in their order.

    So the rounds, one after the other, do what the records would do one after the other: a swap of 5,000 pairs of
    values takes two of them.
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
    found: list[list[int]] = []
    places: Counter[int] = Counter()
    for number in sorted(leaders):
        place = places[leader(number)]
        places[leader(number)] += 1
        if place == len(found):
            found.append([])
        found[place].append(number)
    return found
