"""Makes marks for the time axis, one of each sort for a place: alerts by their severity, and import jobs."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.dashboard.drawing import EDGE, position
from analytics.dashboard.links import admin_list, admin_row
from analytics.panels.marks import MarkedAlert, MarkedJob, Marks
from analytics.words import number
from tracking.models import SecurityAlert

Severity = SecurityAlert.Severity
# The pixels that a mark takes: marks of one place stand side by side, each this far from the next.
MARK_WIDTH = 16
# Jobs of one place that are named.
MOST_NAMED = 3
# A shape for each sort, so that it is not told by its colour alone. Each is drawn around (0, 0).
SHAPES = {
    "high": "M0-6 7 6H-7Z",  # a triangle
    "medium": "M0-6 6 0 0 6-6 0Z",  # a diamond
    "import": "M-4.5-4.5h9v9h-9Z",  # a square
}
MARK = (
    '<a href="{0}"><title>{1}</title><svg x="{2}%" y="50%" class="an-mark an-mark-{3}">'
    '<g transform="translate({4} 0)"><rect x="-8" y="-12" width="16" height="24"/><path d="{5}"/></g></svg></a>'
)
GUIDE = '<line class="an-guide an-mark-{0}" x1="{1}%" x2="{1}%" y2="100%"/>'


@dataclass(frozen=True, slots=True)
class Annotation:
    """A mark at a place of the time axis. `sort` is a key of SHAPES."""

    place: int
    sort: str
    text: str
    href: str


# Return the place of a moment; None beyond the axis.
PlaceOf = Callable[[dt.datetime], int | None]
# Return the addresses of one alert, and of the alerts of a place.
AlertLinks = tuple[Callable[[int], str], Callable[[int], str | None]]


def annotations(marks: Marks, place_of: PlaceOf, links: AlertLinks) -> list[Annotation]:
    """Return the marks in the order of the axis. `links` lead to one alert, and to the alerts of a place."""
    one_alert, all_alerts = links
    made = [
        _of_alerts(place, alerts, one_alert(alerts[0].id) if len(alerts) == 1 else all_alerts(place))
        for place, alerts in _by_place(marks.alerts, place_of)
    ]
    made += [_of_jobs(place, jobs) for place, jobs in _by_place(marks.jobs, place_of)]
    return sorted(made, key=lambda mark: (mark.place, mark.sort))


def strip(shown: Sequence[Annotation], places: int) -> SafeString:
    """Render the marks as the content of an SVG element as wide as the chart."""
    return format_html_join(
        "",
        MARK,
        (
            (mark.href, mark.text, x, mark.sort, shift, SHAPES[mark.sort])
            for x, marks in _placed(shown, places)
            for mark, shift in zip(marks, _shifts(len(marks), x), strict=True)
        ),
    )


def _placed(shown: Sequence[Annotation], places: int) -> list[tuple[float, list[Annotation]]]:
    """Return the marks of each place, with its position."""
    return [(position(place, places), list(marks)) for place, marks in groupby(shown, attrgetter("place"))]


def _shifts(count: int, x: float) -> list[int]:
    """Return how far each of some marks is drawn from their place, in pixels: around it, at an edge inwards."""
    width = (count - 1) * MARK_WIDTH
    first = 0 if x < EDGE else -width if x > 100 - EDGE else -width // 2
    return [first + number * MARK_WIDTH for number in range(count)]


def guides(shown: Sequence[Annotation], places: int) -> SafeString:
    """Render lines that lead from the alerts down through the chart."""
    alerts = ((mark.sort, position(mark.place, places)) for mark in shown if mark.sort != "import")
    return format_html_join("", GUIDE, alerts)


def cells(shown: Iterable[Annotation]) -> dict[int, SafeString]:
    """Return the marks of each place as links, for the table."""
    by_place: dict[int, list[Annotation]] = {}
    for mark in shown:
        by_place.setdefault(mark.place, []).append(mark)
    return {
        place: format_html_join(" · ", '<a href="{}">{}</a>', ((mark.href, mark.text) for mark in marks))
        for place, marks in by_place.items()
    }


def key_of(shown: Sequence[Annotation]) -> SafeString:
    """Render the key: each shape with its name."""
    names = {
        "high": _("Alert of high severity"),
        "medium": _("Alert of medium severity"),
        "import": _("Import"),
    }
    sorts = [sort for sort in SHAPES if any(mark.sort == sort for mark in shown)]
    item = '<li><svg class="an-mark an-mark-{}" aria-hidden="true" viewBox="-8 -8 16 16"><path d="{}"/></svg> {}</li>'
    return format_html_join("", item, ((sort, SHAPES[sort], names[sort]) for sort in sorts))


def _by_place(rows: Iterable[Any], place_of: PlaceOf) -> list[tuple[int, list[Any]]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        place = place_of(row.at)
        if place is not None:
            found.setdefault(place, []).append(row)
    return list(found.items())


def _of_alerts(place: int, alerts: list[MarkedAlert], href: str | None) -> Annotation:
    is_high = any(SecurityAlert(kind=alert.kind).severity is Severity.HIGH for alert in alerts)
    sort = "high" if is_high else "medium"
    return Annotation(place, sort, _told(alerts), href or "#an-security-title")


def _told(alerts: list[MarkedAlert]) -> str:
    """Name the kinds of alerts; of several, each with its number."""
    kinds = Counter(alert.kind for alert in alerts)
    labels = {kind: str(SecurityAlert.Kind(kind).label) for kind in kinds}
    if len(alerts) == 1:
        return _("Alert: %(kind)s") % {"kind": labels[alerts[0].kind]}
    said = ngettext("%(number)s alert: %(kinds)s", "%(number)s alerts: %(kinds)s", len(alerts))
    each = ", ".join(f"{labels[kind]} ({number(count)})" for kind, count in kinds.most_common())
    return said % {"number": number(len(alerts)), "kinds": each}


def _of_jobs(place: int, jobs: list[MarkedJob]) -> Annotation:
    said = [_job_text(job) for job in jobs[:MOST_NAMED]]
    if len(jobs) > MOST_NAMED:
        said.append(_("and %(rest)s more") % {"rest": number(len(jobs) - MOST_NAMED)})
    return Annotation(place, "import", _("Import: %(jobs)s") % {"jobs": ", ".join(said)}, _address(jobs))


def _job_text(job: MarkedJob) -> str:
    texts = {
        "completed": _("%(job)s completed"),
        "failed": _("%(job)s failed"),
        "stopped": _("%(job)s was stopped"),
    }
    return texts[job.status] % {"job": f"{job.name} #{job.id}"}


def _address(jobs: list[MarkedJob]) -> str:
    """Return the address of a job in the admin, or of their list; without it, of the top of the page."""
    from importer.models import DataImportJob

    address = admin_row(DataImportJob, jobs[0].id) if len(jobs) == 1 else admin_list(DataImportJob, {})
    return address or "#an-page"
