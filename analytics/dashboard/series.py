"""Makes the panel of the time axis: the chart, its key, the marks on it, and the same as a table."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from analytics.calendar import stored
from analytics.conf import zone
from analytics.dashboard import annotations
from analytics.dashboard.drawing import Chart, drawn
from analytics.dashboard.links import Links
from analytics.panels.marks import Marks
from analytics.period import DAY, Period, Step, point_at, start_of
from analytics.reports import Overview
from analytics.words import Calendar, number

# The steps from one label to the next, in places of the axis: hours, days, weeks, years.
STRIDES = {
    Step.SLOT: (4, 8, 12, 16, 24),
    Step.HOUR: (1, 2, 3, 6, 12, 24, 48, 72),
    Step.DAY: (1, 2, 7, 14, 28),
    Step.MONTH: (1, 2, 3, 6, 12, 24),
}
MOST_LABELS = 8


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of the chart's key. It filters by its outcome, or removes that filter if it `is_chosen`."""

    name: str
    text: str
    number: str
    query: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Series:
    """The content of the panel's template. `note` says what is not marked."""

    axis: tuple[str, ...]
    places: int
    picture: SafeString
    strip: SafeString
    keys: tuple[Key, ...]
    mark_keys: SafeString
    rows: SafeString
    has_marks: bool
    note: str


def series(overview: Overview, marks: Marks, links: Links) -> Series:
    axis = Axis(overview.period, overview.step)
    shown = annotations.annotations(
        marks, axis.place_of, (alert_address, lambda place: _alerts_at(axis, links, place))
    )
    drawing = drawn(_chart(overview, axis))
    places = len(axis.starts)
    return Series(
        axis=drawing.axis,
        places=places,
        picture=annotations.guides(shown, places) + drawing.picture,
        strip=annotations.strip(shown, places),
        keys=_keys(overview, links),
        mark_keys=annotations.key_of(shown),
        rows=_rows(overview, axis, links, annotations.cells(shown)),
        has_marks=bool(shown),
        note=_("Only the newest alerts are marked: %(number)s.") % {"number": number(len(marks.alerts))}
        if marks.is_full
        else "",
    )


class Axis:
    """The places of the time axis: all points of a period, those to come among them."""

    def __init__(self, period: Period, step: Step) -> None:
        self.period, self.step, self._zone = period, step, zone()
        points = list(period.points(step))
        self._places = {point: place for place, point in enumerate(points)}
        self.starts = [start_of(point, self._zone) for point in points]

    def place_of(self, moment: dt.datetime) -> int | None:
        return self._places.get(point_at(moment, self.step, self._zone))

    def bounds(self, place: int) -> tuple[dt.datetime, dt.datetime]:
        """Return when a place begins and ends, in UTC."""
        start = self.starts[place]
        is_last = place + 1 == len(self.starts)
        end = start_of(self.period.last + DAY, self._zone) if is_last else self.starts[place + 1]
        first = start_of(self.period.first, self._zone)  # a month may begin before the period
        return max(start, first).astimezone(dt.UTC), end.astimezone(dt.UTC)

    def span(self, place: int) -> dict[str, str]:
        """Return the days of a place, as in a query."""
        start, end = (moment.astimezone(self._zone) for moment in self.bounds(place))
        last = (end - dt.timedelta(microseconds=1)).date()
        return {"from": start.date().isoformat(), "to": max(last, start.date()).isoformat()}

    @cached_property
    def labels(self) -> list[tuple[int, str]]:
        names, count = Calendar(), len(self.starts)
        strides = STRIDES[self.step]
        stride = next((stride for stride in strides if count <= stride * MOST_LABELS), strides[-1])
        return [(place, self._label(names, place, stride)) for place in range(0, count, stride)]

    def _label(self, names: Calendar, place: int, stride: int) -> str:
        start = self.starts[place]
        if self.step is Step.HOUR and (start.hour == 0 or stride % 24 == 0):
            return names.label(start, Step.DAY)
        return names.label(start, Step.SLOT if self.step is Step.HOUR else self.step)


def alert_address(key: int) -> str:
    return reverse("analytics:alert", args=[key])


def _alerts_at(axis: Axis, links: Links, place: int) -> str | None:
    start, end = axis.bounds(place)
    return links.alerts(timestamp__gte=stored(start), timestamp__lt=stored(end))


def _chart(overview: Overview, axis: Axis) -> Chart:
    points = overview.series
    return Chart(
        places=max(len(axis.starts), len(points)),
        successes=[point.successes for point in points],
        failures=[point.failures for point in points],
        previous=[point.previous for point in points] if overview.is_comparable else (),
        labels=axis.labels,
    )


def _keys(overview: Overview, links: Links) -> tuple[Key, ...]:
    """Return the outcomes with their logins under the other filters, as in the breakdowns."""
    chosen = overview.filters.outcome
    numbers = {share.value: share.logins for share in overview.shares["outcome"]}
    return tuple(
        Key(
            name=name,
            text=text,
            number=number(numbers.get(value, 0)),
            query=links.query(outcome=None if chosen == value else value),
            is_chosen=chosen == value,
        )
        for name, value, text in (("ok", "success", _("Successes")), ("failed", "failure", _("Failures")))
    )


def _rows(overview: Overview, axis: Axis, links: Links, marked: dict[int, SafeString]) -> SafeString:
    """Render the points; those of more than a quarter of an hour lead to their days, and the script follows."""
    names = Calendar()
    row = '<tr><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td>{}</tr>'
    figures = (
        (
            _when(names.label(point.start, overview.step), axis, links, place),
            number(point.successes),
            number(point.failures),
            number(point.previous) if overview.is_comparable else "—",
            format_html("<td>{}</td>", marked.get(place, "")) if marked else "",
        )
        for place, point in enumerate(overview.series)
    )
    return format_html_join("", row, figures)


def _when(text: str, axis: Axis, links: Links, place: int) -> Any:
    if axis.step is Step.SLOT:
        return text
    return format_html('<a href="?{}" data-go>{}</a>', links.with_span(**axis.span(place)), text)
