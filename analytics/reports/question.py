"""What a report is asked for, worked out once."""

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
    """What is asked for; `now_slot` where the period is not over yet."""

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

    def had_come(self, moment: dt.datetime) -> bool:
        """Whether something of the period before counts in its sum. Of a period that is not over, what it is compared
        with ends at the same time of the same day: by the hour where hours are what is read."""
        if self.now is None or self.step is Step.MONTH:
            return True
        day = moment.date() + dt.timedelta(days=self.period.days)
        if day != self.now.date():
            return day < self.now.date()
        if not self.filters.are_narrow:
            return True  # days are read whole
        if self.step is Step.DAY:
            return moment.hour < self.now.hour
        return moment.time() < self.now.time()

    def name(self) -> str:
        """In a cache; no character in it comes from outside."""
        asked = [str(self.period.first), str(self.period.last), self.filters.active, self.now_slot]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]


def question(period: Period, filters: Filters) -> Question:
    now = timezone.now()
    is_running = day_of(now, zone()) <= period.last
    return Question(period, filters, slot_of(now) if is_running else None)
