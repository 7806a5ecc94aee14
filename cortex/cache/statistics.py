"""What the cache is worth: hits, misses and seconds saved, for each alias and group.

Counted in the process, and added to counters in Redis now and then, so that all processes of a site are one sum.
"""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from cortex.cache.groups import NO_LABEL

FLUSH_SECONDS = 5.0
KEY = "cortex:cache:statistics"
# Counts begin anew after so long, and with them goes what nobody counts any more.
KEPT_SECONDS = 30 * 24 * 3600
# Labels of one alias. What comes beyond is counted under none: figures are for people to read.
MOST_LABELS = 32
# Adds to the counters of one alias. A hash with far more fields than these is of an earlier release, and begins anew.
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
    """Counts of this process that are not reported yet, by alias."""

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
        """Take the counts of an alias since the last time, to be added to the sums in its Redis."""
        with self._lock:
            self._taken_at[alias] = time.monotonic()
            return self._counts.pop(alias, {})

    def give_back(self, alias: str, counts: Counts) -> None:
        """It could not be added."""
        for (label, counter), number in counts.items():
            self.count(alias, label, counter, number)


statistics = Statistics()


def added_up(alias: str, counts: Counts) -> tuple[Any, ...]:
    """One command that adds all of these."""
    words = [word for (label, counter), number in counts.items() for word in (label, counter, number)]
    return "EVAL", ADD_UP, 1, f"{KEY}:{alias}", KEPT_SECONDS, MOST_FIELDS, *words


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
