"""What the cache is worth: hits, misses and seconds saved, for each alias and group.

Counted in the process, and added to counters in Redis now and then, so that all processes of a site are one sum.
"""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

FLUSH_SECONDS = 5.0
KEY = "cortex:cache:statistics"
ADD_UP = "for n, key in ipairs(KEYS) do redis.call('hincrby', key, ARGV[2 * n - 1], ARGV[2 * n]) end"

HIT, STALE_HIT, MISS, LOAD, COALESCED, ERROR, BYPASS = (
    "hit", "stale_hit", "miss", "load", "coalesced", "error", "bypass",
)  # fmt: skip
SAVED_MS, LOAD_MS = "saved_ms", "load_ms"


@dataclass(frozen=True, slots=True)
class Figures:
    """`seconds_saved`: what the loads would have taken that hits made needless."""

    alias: str
    group: str
    hits: int
    stale_hits: int
    misses: int
    loads: int
    coalesced: int
    errors: int
    bypassed: int
    seconds_saved: float

    @property
    def hit_rate(self) -> float | None:
        """Of the reads that Redis answered; None before the first."""
        answered = self.hits + self.stale_hits + self.misses
        return (self.hits + self.stale_hits) / answered if answered else None


class Statistics:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], int] = defaultdict(int)
        self._flushed_at = time.monotonic()

    def count(self, alias: str, group: str, what: str, number: int = 1) -> None:
        with self._lock:
            self._counts[alias, group, what] += number

    def is_due(self) -> bool:
        return time.monotonic() - self._flushed_at >= FLUSH_SECONDS

    def take(self) -> dict[tuple[str, str, str], int]:
        """What was counted since the last time, to be added to the sums in Redis."""
        with self._lock:
            counts, self._counts = self._counts, defaultdict(int)
            self._flushed_at = time.monotonic()
        return counts

    def give_back(self, counts: dict[tuple[str, str, str], int]) -> None:
        """It could not be added."""
        with self._lock:
            for key, number in counts.items():
                self._counts[key] += number


statistics = Statistics()


def added_up(counts: dict[tuple[str, str, str], int]) -> tuple[Any, ...]:
    """One command that adds all of these."""
    keys = [f"{KEY}:{alias}" for alias, _, _ in counts]
    fields = [word for (_, group, what), number in counts.items() for word in (f"{group}|{what}", number)]
    return "EVAL", ADD_UP, len(keys), *keys, *fields


def figures_of(alias: str, sums: dict[bytes, bytes]) -> list[Figures]:
    """`sums`: the hash of an alias, with the counts of all processes."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for name, number in sums.items():
        group, _, what = name.decode().rpartition("|")
        found[group][what] = int(number)
    return [
        Figures(
            alias, group, counts.get(HIT, 0), counts.get(STALE_HIT, 0), counts.get(MISS, 0), counts.get(LOAD, 0),
            counts.get(COALESCED, 0), counts.get(ERROR, 0), counts.get(BYPASS, 0), counts.get(SAVED_MS, 0) / 1e3,
        )
        for group, counts in sorted(found.items())
    ]  # fmt: skip
