"""The breakdowns as bars: each is a link that filters by it, with another one to the events themselves."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from analytics.dashboard.links import Links
from analytics.filters import DIMENSIONS, OUTCOMES
from analytics.reports import Overview, Share
from analytics.rollups.logs import LOGINS
from analytics.rollups.terms import OTHER_VALUE

TOP = 8
BAR = (
    '<tr class="{}"><th scope="row"><svg class="an-barsvg" aria-hidden="true" focusable="false">'
    '<rect class="an-ok" width="{}%" height="100%"/><rect class="an-failed" width="{}%" height="100%"/></svg>'
    '<a href="?{}" data-go title="{}"{}>{}</a></th><td>{}</td><td class="an-portion">{}</td>'
    '<td class="an-drill">{}</td></tr>'
)
DRILL = '<a href="{}" title="{}" aria-label="{}: {}">→</a>'


@dataclass(frozen=True, slots=True)
class Breakdown:
    """`rest`: how many values are not shown."""

    dimension: str
    title: str
    rows: SafeString
    rest: int


def breakdowns(found: Overview, links: Links) -> list[Breakdown]:
    return [_breakdown(name, found, links) for name in DIMENSIONS]


def title_of(dimension: str) -> str:
    titles = {
        "outcome": _("Outcome"), "method": _("Login method"), "device": _("Device"), "browser": _("Browser"),
        "os": _("Operating system"), "reason": _("Failure reason"),
    }  # fmt: skip
    return titles[dimension]


def text_of(value: str) -> str:
    return value.replace("_", " ") if value else _("unknown")


def _breakdown(name: str, found: Overview, links: Links) -> Breakdown:
    """Successes have no reason, and are not shown among the reasons."""
    shares = [share for share in found.shares[name] if name != "reason" or share.value]
    chosen = found.filters.active.get(name)
    shown = shares[:TOP] + [share for share in shares[TOP:] if share.value == chosen]
    longest = max((share.logins for share in shown), default=1)
    total = sum(share.logins for share in shares) or 1
    line = Line(name, links)
    rows = (_bar(line, share, total, longest, share.value == chosen) for share in shown)
    return Breakdown(name, title_of(name), format_html_join("", BAR, rows), len(shares) - len(shown))


class Line:
    """The addresses of a breakdown's bars: all alike save for the value at their end."""

    def __init__(self, dimension: str, links: Links) -> None:
        self.is_outcome = dimension == "outcome"
        self.dimension = dimension
        self.column = "success" if self.is_outcome else LOGINS.dimensions[dimension]
        self.without = links.query(**{dimension: None})
        self.list = links.logins(**{self.column: None})

    def query(self, value: str) -> str:
        return f"{self.without}&{urlencode({self.dimension: value})}"

    def drill(self, value: str) -> str | None:
        if value == OTHER_VALUE:
            return None  # no one value
        found = int(OUTCOMES[value]) if self.is_outcome else value
        return self.list and f"{self.list}&{urlencode({f'{self.column}__exact': found})}"


def _bar(line: Line, share: Share, total: int, longest: int, is_chosen: bool) -> tuple[object, ...]:
    text = text_of(share.value)
    return (
        "an-chosen" if is_chosen else "",
        round(100 * share.logins / longest, 2),
        round(100 * share.failures / longest, 2),
        line.without if is_chosen else line.query(share.value),
        _("Take this filter away") if is_chosen else _("Show these alone"),
        format_html(' aria-current="{}"', "true") if is_chosen else "",
        text,
        f"{share.logins:,}",
        f"{share.logins / total:.1%}",
        _drill(line.drill(share.value), text),
    )


def _drill(href: str | None, text: str) -> str:
    said = _("The events themselves")
    return format_html(DRILL, href, said, said, text) if href else ""
