"""Writes the first sentence of the dashboard: whether something is wrong, and what."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.panels.security import ATTACKS, Alert, Kind, Security
from analytics.words import number


@dataclass(frozen=True, slots=True)
class Headline:
    """`level` is "bad" (somebody may have got in), "warning" (attacks that failed) or "quiet"."""

    level: str
    text: str
    latest: Alert | None = None  # the alert to look at first


def headline(security: Security) -> Headline:
    """Return the sentence of a period. Alerts about new countries and devices alone are no attack."""
    if reported := security.counted.get(Kind.REPORTED, 0):
        text = ngettext(
            "Somebody got in: of %(number)s login, the person says that it was not theirs.",
            "Somebody got in: of %(number)s logins, people say that they were not theirs.",
            reported,
        )
        values = {"number": security.number_of(Kind.REPORTED)}
        return Headline("bad", text % values, _latest(security, Kind.REPORTED))
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
            _latest(security, Kind.SUCCESS_AFTER_BURST),
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
            _latest(security, Kind.IMPOSSIBLE_TRAVEL),
        )
    if attacks:
        latest = _latest(security, *ATTACKS)
        values = {"number": security.number_of(*ATTACKS), "entered": number(security.entered or 0)}
        if security.entered:
            text = ngettext(
                "%(number)s attack by guessed passwords. Logins that succeeded from there at that time: %(entered)s.",
                "%(number)s attacks by guessed passwords. Logins that succeeded from where the latest came, at that "
                "time: %(entered)s.",
                attacks,
            )
            return Headline("bad", text % values, latest)
        if security.entered is None:
            text = ngettext(
                "%(number)s attack by guessed passwords.", "%(number)s attacks by guessed passwords.", attacks
            )
            return Headline("warning", text % values, latest)
        text = ngettext(
            "%(number)s attack by guessed passwords. At that time nobody got in from there.",
            "%(number)s attacks by guessed passwords. At the time of the latest, nobody got in from where it came.",
            attacks,
        )
        return Headline("warning", text % values, latest)
    return Headline("quiet", _("Quiet: no open alert of an attack in this period."))


def _latest(security: Security, *kinds: str) -> Alert | None:
    return next((alert for alert in security.alerts if alert.kind in kinds), None)
