"""Makes the figures at the top of the dashboard, each with its change from the previous period."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from analytics.dashboard.links import Links
from analytics.reports import Overview
from analytics.words import decimal, number, percent


@dataclass(frozen=True, slots=True)
class Card:
    """A figure with its change. `is_good` is about the change; None if it is neither good nor bad."""

    name: str
    label: str
    value: str
    change: str = ""
    is_good: bool | None = None
    note: str = ""
    href: str | None = None


def cards(overview: Overview, session_count: str, links: Links) -> list[Card]:
    now, before = overview.totals, overview.previous
    return [
        Card(
            "logins", _("Logins"), number(now.logins), _change(overview, now.logins, before.logins), href=links.logins()
        ),
        _rate_card(overview),
        _failures_card(overview, links),
        _users_card(overview),
        Card("sessions", _("Active sessions"), session_count, note=_("at the moment")),
        Card(
            "activities", _("Activities"), number(now.activities),
            _change_by_days(overview, now.activities, before.activities), href=links.activities(),
        ),
    ]  # fmt: skip


def _rate_card(overview: Overview) -> Card:
    now, before = overview.totals.success_rate, overview.previous.success_rate
    label = _("Success rate")
    if now is None or overview.filters.outcome:
        return Card("success_rate", label, "—")
    if before is None or not overview.is_comparable or round(now, 3) == round(before, 3):
        return Card("success_rate", label, percent(now))
    change = _("%(points)s points") % {"points": decimal(100 * (now - before), signed=True)}
    return Card("success_rate", label, percent(now), change, now > before)


def _failures_card(overview: Overview, links: Links) -> Card:
    now, before = overview.totals.failures, overview.previous.failures
    change = _change(overview, now, before)
    is_good = now < before if change else None
    return Card("failures", _("Failures"), number(now), change, is_good, href=links.logins(success=False))


def _users_card(overview: Overview) -> Card:
    users = overview.totals.users
    if users is None:
        return Card("users", _("Users"), "—", note=_("not counted with filters"))
    return Card(
        "users",
        _("Users"),
        f"≈ {number(users)}",
        _change_by_days(overview, users, overview.previous.users or 0),
    )


def _change_by_days(overview: Overview, now: int, before: int) -> str:
    """Return the change of figures that are counted by whole days. Today cannot be compared with yesterday."""
    return "" if overview.is_running and overview.period.days == 1 else _change(overview, now, before)


def _change(overview: Overview, now: int, before: int) -> str:
    """Return the change in percent; "" without a figure to compare with, or if it rounds to zero."""
    change = (now - before) / before if before and overview.is_comparable else 0.0
    return percent(change, signed=True) if abs(change) >= 0.0005 else ""
