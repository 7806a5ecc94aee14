"""Reads hits, misses and saved time of the site's caches, if they count them."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import caches

from analytics.words import number, percent


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """The figures of one alias. `hit_rate` is between 0 and 1; None before the first read."""

    alias: str
    hits: int
    misses: int
    hit_rate: float | None
    seconds_saved: float
    is_away: bool

    @property
    def reads(self) -> str:
        return number(self.hits + self.misses)

    @property
    def rate_text(self) -> str:
        return "—" if self.hit_rate is None else percent(self.hit_rate)


def have_figures() -> bool:
    """Tell whether any cache counts its hits."""
    return any(hasattr(caches[alias], "figures") for alias in settings.CACHES)


def cache_figures() -> list[CacheFigures]:
    """Return the figures of the caches that have a method `figures`, as `cortex.cache.ResilientRedisCache` does."""
    shown = []
    for alias in settings.CACHES:
        cache: Any = caches[alias]
        read = getattr(cache, "figures", None)
        if read is not None:
            shown.append(_summed(alias, list(read()), bool(getattr(cache, "is_away", False))))
    return shown


def _summed(alias: str, groups: list[Any], is_away: bool) -> CacheFigures:
    hits = sum(group.hits + group.stale_hits for group in groups)
    misses = sum(group.misses for group in groups)
    return CacheFigures(
        alias=alias,
        hits=hits,
        misses=misses,
        hit_rate=hits / (hits + misses) if hits + misses else None,
        seconds_saved=sum(group.seconds_saved for group in groups),
        is_away=is_away,
    )
