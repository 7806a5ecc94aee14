"""Holds a report's parameters: period, filters, and what follows from them."""

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from django.utils import timezone

from analytics.calendar import day_of, local, slot_of
from analytics.conf import zone
from analytics.filters import Filters
from analytics.period import Period, Step


@dataclass(frozen=True)
class Question:
    """A period with filters. `now_slot` is the present slot; None if the period is over."""

    period: Period
    filters: Filters
    now_slot: int | None

    @cached_property
    def zone(self) -> dt.tzinfo:
        return zone()

    @cached_property
    def previous(self) -> Period:
        return self.period.previous()

    @cached_property
    def step(self) -> Step:
        step = self.period.step
        is_fine = step in (Step.SLOT, Step.HOUR)
        return Step.DAY if is_fine and not self.filters.are_narrow else step

    @cached_property
    def now(self) -> dt.datetime | None:
        return None if self.now_slot is None else local(self.now_slot, self.zone)

    def is_comparable_yet(self, moment: dt.datetime) -> bool:
        """Tell whether an event of the previous period counts in the comparison.

        While the period is still running, only events up to the same time of day count; up to the same hour where
        hours are read.
        """
        if self.now is None or self.step is Step.MONTH:
            return True
        day = moment.date() + self.period.shift
        if day != self.now.date():
            return day < self.now.date()
        if not self.filters.are_narrow:
            return True  # only whole days are read
        if self.step is Step.DAY:
            return moment.hour < self.now.hour
        return moment.time() < self.now.time()

    def name(self) -> str:
        """Return the question's name in the cache. It is a hash, so it has no character from a request."""
        values = [str(self.period.first), str(self.period.last), self.filters.active, self.now_slot]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]


def question_of(period: Period, filters: Filters) -> Question:
    now = timezone.now()
    is_running = day_of(now, zone()) <= period.last
    return Question(period, filters, slot_of(now) if is_running else None)
