from typing import Any

from django.core.cache import caches
from django.core.management.base import BaseCommand

from cortex.cache import ResilientRedisCache
from cortex.cache.statistics import Figures

HEADER = (
    "alias",
    "group",
    "hit rate",
    "hits",
    "stale",
    "misses",
    "loads",
    "waited",
    "errors",
    "away",
    "seconds saved",
)


class Command(BaseCommand):
    help = "Show the cache's hit rates and seconds saved, of all processes, by alias and group."

    def handle(self, **options: Any) -> None:
        rows: list[tuple[str, ...]] = [HEADER]
        for cache in caches.all(initialized_only=False):
            if not isinstance(cache, ResilientRedisCache):
                continue
            rows += [self.row(figures) for figures in cache.figures()]
            if cache.is_away:
                self.stderr.write(f'The Redis of "{cache.alias}" is away: its figures are missing.')
        if len(rows) == 1:
            self.stdout.write("No figures yet.")
            return
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
        for row in rows:
            left = "  ".join(cell.ljust(width) for cell, width in zip(row[:2], widths, strict=False))
            right = "  ".join(cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True))
            self.stdout.write(f"{left}  {right}")

    def row(self, figures: Figures) -> tuple[str, ...]:
        rate = "-" if figures.hit_rate is None else f"{figures.hit_rate:.1%}"
        numbers = (
            figures.hits, figures.stale_hits, figures.misses, figures.loads, figures.coalesced, figures.errors,
            figures.bypassed,
        )  # fmt: skip
        return (
            figures.alias,
            figures.group,
            rate,
            *(f"{n:,}" for n in numbers),
            f"{figures.seconds_saved:,.1f}",
        )
