"""Counts hits, misses and seconds saved for each alias and group.

A process counts in memory and adds its counts to sums in Redis every few seconds, so the sums cover all processes.
"""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from cortex.cache.groups import NO_LABEL

FLUSH_SECONDS = 5.0
KEY = "cortex:cache:statistics"
# Counts restart after so long, which also removes labels that no release counts any more.
KEPT_SECONDS = 30 * 24 * 3600
# Labels of one alias; more are counted without a label, because people read these figures.
MOST_LABELS = 32
# Adds to the sums of one alias. A hash with far more fields than allowed is from an earlier release, so it restarts.
ADD_UP = """
if redis.call('hlen', KEYS[1]) > 2 * tonumber(ARGV[2]) then redis.call('unlink', KEYS[1]) end
for n = 3, #ARGV, 3 do
    local field = ARGV[n] .. '|' .. ARGV[n + 1]
    if redis.call('hexists', KEYS[1], field) == 0 and redis.call('hlen', KEYS[1]) >= tonumber(ARGV[2]) then
        field = '-|' .. ARGV[n + 1]
    end
    redis.call('hincrby', KEYS[1], field, ARGV[n + 2])
end
if redis.call('ttl', KEYS[1]) < 0 then redis.call('expire', KEYS[1], ARGV[1]) end
"""

HIT, STALE_HIT, MISS, LOAD, COALESCED, ERROR, BYPASS = (
    "hit", "stale_hit", "miss", "load", "coalesced", "error", "bypass",
)  # fmt: skip
SAVED_MS, LOAD_MS = "saved_ms", "load_ms"
COUNTERS = (HIT, STALE_HIT, MISS, LOAD, COALESCED, ERROR, BYPASS, SAVED_MS, LOAD_MS)
MOST_FIELDS = MOST_LABELS * len(COUNTERS)

# (label, counter) → number
Counts = dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Figures:
    """`seconds_saved`: how long the loads would have taken that hits saved. `bypassed`: skipped by an open breaker."""

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
        """From 0 to 1, of the reads that Redis answered; None before the first."""
        answered = self.hits + self.stale_hits + self.misses
        return (self.hits + self.stale_hits) / answered if answered else None


class Statistics:
    """The counts of this process that are not in Redis yet, by alias. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counts] = defaultdict(lambda: defaultdict(int))
        self._taken_at: dict[str, float] = defaultdict(time.monotonic)

    def count(self, alias: str, label: str, counter: str, number: int = 1) -> None:
        with self._lock:
            counts = self._counts[alias]
            if len(counts) >= MOST_FIELDS and (label, counter) not in counts:
                label = NO_LABEL
            counts[label, counter] += number

    def is_due(self, alias: str) -> bool:
        return time.monotonic() - self._taken_at[alias] >= FLUSH_SECONDS

    def take(self, alias: str) -> Counts:
        """Removes and returns the counts of an alias since the last call, to add them to the sums in its Redis."""
        with self._lock:
            self._taken_at[alias] = time.monotonic()
            return self._counts.pop(alias, {})

    def give_back(self, alias: str, counts: Counts) -> None:
        """Takes back counts that could not be added."""
        for (label, counter), number in counts.items():
            self.count(alias, label, counter, number)


statistics = Statistics()


def added_up(alias: str, counts: Counts) -> tuple[Any, ...]:
    """Returns the command that adds these counts."""
    words = [word for (label, counter), number in counts.items() for word in (label, counter, number)]
    return "EVAL", ADD_UP, 1, f"{KEY}:{alias}", KEPT_SECONDS, MOST_FIELDS, *words


def figures_of(alias: str, sums: dict[bytes, bytes]) -> list[Figures]:
    """`sums`: the hash of an alias, with the counts of all processes."""
    counts_by_group: dict[str, dict[str, int]] = defaultdict(dict)
    for name, number in sums.items():
        group, _, counter = name.decode().rpartition("|")
        counts_by_group[group][counter] = int(number)
    return [
        Figures(
            alias, group, counts.get(HIT, 0), counts.get(STALE_HIT, 0), counts.get(MISS, 0), counts.get(LOAD, 0),
            counts.get(COALESCED, 0), counts.get(ERROR, 0), counts.get(BYPASS, 0), counts.get(SAVED_MS, 0) / 1e3,
        )
        for group, counts in sorted(counts_by_group.items())
    ]  # fmt: skip
