"""Puts records that refer to one another in an order in which each comes after those to which it refers."""

from array import array
from collections.abc import Hashable, Iterable, Sequence
from itertools import accumulate


class Descent:
    """Collects the keys of records, and the keys to which each of them refers, by its place."""

    def __init__(self) -> None:
        self.place_of: dict[Hashable, int] = {}
        self.named: list[tuple[int, Hashable]] = []
        self.records = 0

    def add(self, brought: Iterable[Hashable], looked_up: Iterable[Hashable]) -> None:
        """Add the next record. Of several that bring one key the first counts."""
        for key in brought:
            self.place_of.setdefault(key, self.records)
        self.named += [(self.records, key) for key in looked_up]
        self.records += 1

    def order(self) -> list[int]:
        """Return all places: level by level, within a level in their order, at last those that refer to one another."""
        edges = [
            (self.place_of[key], child) for child, key in self.named if self.place_of.get(key, child) != child
        ]
        waits_for = array("q", bytes(8 * self.records))
        children, first = _children(edges, self.records)
        for _, child in edges:
            waits_for[child] += 1
        ordered: list[int] = []
        level = [place for place in range(self.records) if not waits_for[place]]
        while level:
            ordered += level
            following = []
            for place in level:
                for child in children[first[place] : first[place + 1]]:
                    waits_for[child] -= 1
                    if not waits_for[child]:
                        following.append(child)
            level = sorted(following)
        return ordered + [place for place in range(self.records) if waits_for[place]]


def _children(edges: Sequence[tuple[int, int]], records: int) -> tuple["array[int]", "array[int]"]:
    """Return the children of all places one after the other, and where those of each place begin."""
    counts = array("q", bytes(8 * (records + 1)))
    for parent, _ in edges:
        counts[parent + 1] += 1
    first = array("q", accumulate(counts))
    children, filled = array("q", bytes(8 * len(edges))), array("q", first)
    for parent, child in edges:
        children[filled[parent]] = child
        filled[parent] += 1
    return children, first
