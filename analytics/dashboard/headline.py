"""Writes the first sentence of the dashboard: whether something is wrong, and what."""

from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.panels.security import ATTACKS, Alert, Kind, Security
from analytics.words import number


@dataclass(frozen=True, slots=True)
class Headline:
    """`level` is "bad" (somebody may have got in), "warning" (attacks that failed) or "quiet"."""

    level: str
    text: str
    alert: Alert | None = None  # the alert to look at first
    is_latest: bool = False  # whether it was chosen because it is the latest


def headline(security: Security, *, present: UUID | None = None) -> Headline:
    """Return the sentence of a period. Alerts about new countries and devices alone are no attack.

    `present` is the session of the reader, who knows who that is.
    """
    if reported := security.counted.get(Kind.REPORTED, 0):
        text = ngettext(
            "Somebody got in: of %(number)s login, the person says that it was not theirs.",
            "Somebody got in: of %(number)s logins, people say that they were not theirs.",
            reported,
        )
        values = {"number": security.number_of(Kind.REPORTED)}
        return Headline("bad", text % values, _most_telling(security, Kind.REPORTED, present))
    entered = security.counted.get(Kind.SUCCESS_AFTER_BURST, 0)
    attacks = sum(security.counted.get(kind, 0) for kind in ATTACKS)
    if entered:
        text = ngettext(
            "Somebody may have got in: %(number)s login after a burst of failures.",
            "Somebody may have got in: %(number)s logins after bursts of failures.",
            entered,
        )
        return Headline(
            "bad",
            text % {"number": security.number_of(Kind.SUCCESS_AFTER_BURST)},
            _most_telling(security, Kind.SUCCESS_AFTER_BURST, present),
        )
    if travels := security.counted.get(Kind.IMPOSSIBLE_TRAVEL, 0):
        text = ngettext(
            "Somebody may have got in: %(number)s login from too far away from the one before.",
            "Somebody may have got in: %(number)s logins from too far away from the one before.",
            travels,
        )
        return Headline(
            "bad",
            text % {"number": security.number_of(Kind.IMPOSSIBLE_TRAVEL)},
            _most_telling(security, Kind.IMPOSSIBLE_TRAVEL, present),
        )
    if attacks:
        latest = next((alert for alert in security.alerts if alert.kind in ATTACKS), None)
        values = {"number": security.number_of(*ATTACKS), "entered": number(security.entered or 0)}
        if security.entered:
            text = ngettext(
                "%(number)s attack by guessed passwords. Logins that succeeded from there at that time: %(entered)s.",
                "%(number)s attacks by guessed passwords. Logins that succeeded from where the latest came, at that "
                "time: %(entered)s.",
                attacks,
            )
            return Headline("bad", text % values, latest, is_latest=True)
        if security.entered is None:
            text = ngettext(
                "%(number)s attack by guessed passwords.", "%(number)s attacks by guessed passwords.", attacks
            )
            return Headline("warning", text % values, latest, is_latest=True)
        text = ngettext(
            "%(number)s attack by guessed passwords. At that time nobody got in from there.",
            "%(number)s attacks by guessed passwords. At the time of the latest, nobody got in from where it came.",
            attacks,
        )
        return Headline("warning", text % values, latest, is_latest=True)
    return Headline("quiet", _("Quiet: no open alert of an attack in this period."))


def _most_telling(security: Security, kind: str, present: UUID | None) -> Alert | None:
    """Return the alert with the most signs of an attacker, the newest of several; the reader's own session last."""
    alerts = (alert for alert in security.alerts if alert.kind == kind)
    return max(alerts, key=lambda alert: (not _is_of(alert, present), alert.signs, alert.at), default=None)


def _is_of(alert: Alert, present: UUID | None) -> bool:
    return present is not None and alert.session == str(present)
