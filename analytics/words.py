"""Writes numbers, portions and moments in the language of the reader."""

from functools import lru_cache
from typing import Any

from django.apps import apps
from django.utils.dates import MONTHS_3, WEEKDAYS_ABBR
from django.utils.formats import get_format
from django.utils.translation import get_language, gettext

from analytics.period import Step

MINUS = "\N{MINUS SIGN}"


def number(value: int) -> str:
    """Return a whole number with the thousands separator of the language."""
    text = f"{value:,}".replace("-", MINUS)
    return text.replace(",", _separators(get_language())[0]) if value >= 1_000 or value <= -1_000 else text


def percent(portion: float, *, signed: bool = False) -> str:
    """Return a portion (1.0 is the whole) in percent, with one decimal."""
    text = f"{portion:+.1%}" if signed else f"{portion:.1%}"
    return text.replace(".", _separators(get_language())[1]).replace("-", MINUS)


def decimal(value: float, *, signed: bool = False) -> str:
    text = f"{value:+.1f}" if signed else f"{value:.1f}"
    return text.replace(".", _separators(get_language())[1]).replace("-", MINUS)


@lru_cache(maxsize=64)
def _separators(language: str | None) -> tuple[str, str]:
    """Return the separators of thousands and decimals. Django's own `number_format` takes 20 times as long."""
    return str(get_format("THOUSAND_SEPARATOR", language)), str(get_format("DECIMAL_SEPARATOR", language))


def action_text(action: str) -> str:
    """Return the name of an action for people: "alert.resolved" is "alert resolved"."""
    return action.replace(".", " ").replace("_", " ")


def entity_text(entity_type: str, entity_id: str) -> str:
    """Return an entity for people: by the name of its model, if it is one of the site's."""
    try:
        name = str(apps.get_model(entity_type)._meta.verbose_name)
    except (LookupError, ValueError):
        name = entity_type
    return f"{name} {entity_id}".strip()


def step_text(step: Step) -> str:
    texts = {
        Step.SLOT: gettext("by 15 minutes"),
        Step.HOUR: gettext("by hour"),
        Step.DAY: gettext("by day"),
        Step.MONTH: gettext("by month"),
    }
    return texts[step]


def weekdays() -> list[str]:
    """Return the short names of the days, from Monday on."""
    return [str(WEEKDAYS_ABBR[day]) for day in range(7)]


class Calendar:
    """The names of days and months in the language of the reader, looked up once for a page."""

    def __init__(self) -> None:
        self._weekdays = weekdays()
        self._months = [str(MONTHS_3[month]).capitalize() for month in range(1, 13)]

    def label(self, start: Any, step: Step) -> str:
        """Return the label of a point of the series."""
        if step is Step.SLOT:
            return f"{start:%H:%M}"
        month = self._months[start.month - 1]
        if step is Step.MONTH:
            return f"{month} {start.year}"
        day = f"{self._weekdays[start.weekday()]} {start.day:02} {month}"
        return f"{day}, {start:%H:%M}" if step is Step.HOUR else day
