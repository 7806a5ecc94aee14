"""The figures at the top of the dashboard, each with its change against the period before."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from analytics.dashboard.links import Links
from analytics.reports import Overview


@dataclass(frozen=True, slots=True)
class Card:
    """A figure with its change. `is_good`: of the change; None where it is neither good nor bad."""

    name: str
    label: str
    value: str
    change: str = ""
    is_good: bool | None = None
    note: str = ""
    href: str | None = None


def cards(found: Overview, session_count: str, links: Links) -> list[Card]:
    now, before = found.totals, found.previous
    return [
        Card("logins", _("Logins"), f"{now.logins:,}", _change(now.logins, before.logins), href=links.logins()),
        _rate_card(found),
        _failures_card(found, links),
        _users_card(found),
        Card("sessions", _("Active sessions"), session_count, note=_("at the moment")),
        Card(
            "activities", _("Activities"), f"{now.activities:,}",
            _change_by_days(found, now.activities, before.activities), href=links.activities(),
        ),
    ]  # fmt: skip


def _rate_card(found: Overview) -> Card:
    now, before = found.totals.success_rate, found.previous.success_rate
    label = _("Success rate")
    if now is None or found.filters.outcome:
        return Card("success_rate", label, "—")
    if before is None or round(now, 3) == round(before, 3):
        return Card("success_rate", label, f"{now:.1%}")
    change = _("%(points)s points") % {"points": f"{100 * (now - before):+.1f}"}
    return Card("success_rate", label, f"{now:.1%}", change, now > before)


def _failures_card(found: Overview, links: Links) -> Card:
    now, before = found.totals.failures, found.previous.failures
    change = _change(now, before)
    is_good = now < before if change else None
    return Card("failures", _("Failures"), f"{now:,}", change, is_good, href=links.logins(success=False))


def _users_card(found: Overview) -> Card:
    users = found.totals.users
    if users is None:
        return Card("users", _("Users"), "—", note=_("not counted by filters"))
    return Card("users", _("Users"), f"≈ {users:,}", _change_by_days(found, users, found.previous.users or 0))


def _change_by_days(found: Overview, now: int, before: int) -> str:
    """Of what is known of whole days alone: today cannot be compared with yesterday."""
    return "" if found.is_running and found.period.days == 1 else _change(now, before)


def _change(now: int, before: int) -> str:
    """In percent; nothing where there is nothing to compare with, or no change to speak of."""
    change = f"{(now - before) / before:+.1%}" if before else ""
    return "" if change in ("+0.0%", "-0.0%") else change
