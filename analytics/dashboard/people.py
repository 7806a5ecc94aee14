"""Makes the panel of people: who is active, who is new, who is online now, and whose accounts are unused."""

import datetime as dt
from dataclasses import dataclass

from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from analytics.conf import zone_name
from analytics.panels import accounts
from analytics.panels.accounts import Unused
from analytics.panels.sessions import ONLINE_MINUTES, count_online
from analytics.period import Period, Step, today
from analytics.reports import ActiveUsers, active_users
from analytics.reports.cached import cached
from analytics.rights import Rights
from analytics.words import Calendar, number, percent

# Counting reads all users and all open sessions.
SECONDS = 15
BAR = (
    '<svg class="an-barsvg" aria-hidden="true" focusable="false">'
    '<rect class="an-ok" width="{}%" height="100%"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    label: str
    value: str
    note: str = ""
    href: str | None = None


@dataclass(frozen=True, slots=True)
class People:
    """The panel: its figures, and a table of the users of each day or month. At most SECONDS old."""

    figures: list[Figure]
    rows: SafeString
    by_month: bool
    is_complete: bool


def people(period: Period, rights: Rights) -> People:
    """Return the panel. Links to lists of accounts are drawn for those who may view users."""
    active, online = cached(
        f"people:{period.first}:{period.last}:{today()}:{zone_name()}",
        lambda: [active_users(period).packed(), count_online()],
        lambda data: (ActiveUsers.unpacked(data[0]), int(data[1])),
        SECONDS,
    )
    return People(
        figures=[*_active_figures(active, online), *_period_figures(active), *_account_figures(rights)],
        rows=_rows(active.series, period.step),
        by_month=period.step is Step.MONTH,
        is_complete=active.is_complete,
    )


def _active_figures(active: ActiveUsers, online: int) -> list[Figure]:
    part = percent(active.today / active.month) if active.month else ""
    return [
        Figure(
            "online",
            _("Online now"),
            number(online),
            _("in the last %(minutes)s minutes") % {"minutes": ONLINE_MINUTES},
        ),
        Figure("today", _("Active today"), number(active.today)),
        Figure("week", _("Active in 7 days"), number(active.week)),
        Figure(
            "month",
            _("Active in 28 days"),
            number(active.month),
            _("%(part)s of them today") % {"part": part} if part else "",
        ),
    ]


def _period_figures(active: ActiveUsers) -> list[Figure]:
    note = _("in the period")
    if active.new is None or active.returning is None:
        unknown = _("no logins are known from before the period")
        return [Figure("new", _("New"), "—", unknown), Figure("returning", _("Returning"), "—")]
    about = "" if active.is_exact else "≈ "
    return [
        Figure("new", _("New"), number(active.new), _("first login in the period")),
        Figure("returning", _("Returning"), about + number(active.returning), note),
    ]


def _account_figures(rights: Rights) -> list[Figure]:
    numbers = accounts.numbers()
    titles = {Unused.NEVER: _("Never used"), Unused.LONG: _("Not used for 90 days")}
    address = reverse("analytics:accounts") if rights.accounts else ""
    return [
        Figure(
            f"unused-{kind}",
            titles[kind],
            number(numbers[kind]),
            _("active accounts"),
            f"{address}?unused={kind}" if address else None,
        )
        for kind in numbers
    ]


def _rows(series: tuple[tuple[dt.date, int], ...], step: Step) -> SafeString:
    names, shown = Calendar(), Step.MONTH if step is Step.MONTH else Step.DAY
    most = max((users for _day, users in series), default=0) or 1
    lines = (
        f'<tr><th scope="row">{BAR.format(round(100 * users / most, 2))}<span>{escape(names.label(day, shown))}</span>'
        f"</th><td>≈ {number(users)}</td></tr>"
        for day, users in series
    )
    return mark_safe("".join(lines))  # noqa: S308 (numbers and escaped words)
