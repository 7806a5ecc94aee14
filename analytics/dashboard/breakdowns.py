"""Renders the breakdowns as bars, each with a link that filters by it and a link to its events."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from analytics.dashboard.links import Links
from analytics.filters import DIMENSIONS
from analytics.reports import Overview, Share
from analytics.rollups.logs import LOGINS
from analytics.rollups.terms import OTHER_VALUE
from analytics.words import number, percent
from tracking.words import text_of

TOP = 8
# Outcomes are the key of the chart, and the figures above it.
SHOWN = tuple(name for name in DIMENSIONS if name != "outcome")
BAR = (
    '<tr class="{}"><th scope="row"><a href="?{}" data-go title="{}"{}>{}</a>'
    '<svg class="an-barsvg" aria-hidden="true" focusable="false"><rect class="an-ok" width="{}%" height="100%"/>'
    '<rect class="an-failed" x="{}%" width="{}%" height="100%"/></svg></th><td>{}</td><td class="an-portion">{}</td>'
    '<td class="an-drill">{}</td></tr>'
)
DRILL = '<a href="{}" title="{}" aria-label="{}: {}">→</a>'


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A breakdown by one dimension. `rest` is how many values are not shown."""

    dimension: str
    title: str
    rows: SafeString
    rest: int


def breakdowns(overview: Overview, links: Links) -> list[Breakdown]:
    return [_breakdown(name, overview, links) for name in SHOWN]


def title_of(dimension: str) -> str:
    titles = {
        "outcome": _("Outcome"), "method": _("Login method"), "device": _("Device"), "browser": _("Browser"),
        "os": _("Operating system"), "reason": _("Failure reason"),
    }  # fmt: skip
    return titles[dimension]


def _breakdown(name: str, overview: Overview, links: Links) -> Breakdown:
    """Render a breakdown. Successes have no reason, so they are not shown among the reasons."""
    shares = [share for share in overview.shares[name] if name != "reason" or share.value]
    chosen = overview.filters.active.get(name)
    shown = shares[:TOP] + [share for share in shares[TOP:] if share.value == chosen]
    longest = max((share.logins for share in shown), default=1)
    line = Line(name, links)
    rows = (_bar(line, share, longest, is_chosen=share.value == chosen) for share in shown)
    return Breakdown(name, title_of(name), format_html_join("", BAR, rows), len(shares) - len(shown))


class Line:
    """The addresses of a breakdown's bars, which differ only in the value at their end."""

    def __init__(self, dimension: str, links: Links) -> None:
        self.dimension = dimension
        self.column = LOGINS.dimensions[dimension]
        self.without = links.query(**{dimension: None})
        self.list = links.logins(**{self.column: None})

    def query(self, value: str) -> str:
        return f"{self.without}&{urlencode({self.dimension: value})}"

    def drill(self, value: str) -> str | None:
        if value == OTHER_VALUE:
            return None  # it stands for several values
        return self.list and f"{self.list}&{urlencode({f'{self.column}__exact': value})}"


def _bar(line: Line, share: Share, longest: int, *, is_chosen: bool) -> tuple[object, ...]:
    text = text_of(share.value)
    succeeded = round(100 * (share.logins - share.failures) / longest, 2)
    return (
        "an-chosen" if is_chosen else "",
        line.without if is_chosen else line.query(share.value),
        _("Remove filter") if is_chosen else _("Filter by this value"),
        format_html(' aria-current="{}"', "true") if is_chosen else "",
        text,
        succeeded,
        succeeded,
        round(100 * share.failures / longest, 2),
        number(share.logins),
        percent(share.portion),
        _drill(line.drill(share.value), text),
    )


def _drill(href: str | None, text: str) -> str:
    title = _("Show the events")
    return format_html(DRILL, href, title, title, text) if href else ""
