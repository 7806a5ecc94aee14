"""Tells an attack: the first sentence, the figures, and the time line."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.calendar import aware, clock
from analytics.conf import zone
from analytics.dashboard.drawing import Chart, drawn
from analytics.panels.incident import Incident
from analytics.words import number
from tracking.delivery.messages import sentence

# The length of a bar in minutes: the first with which there are at most MOST_BARS.
MINUTES = (1, 5, 15, 60)
MOST_BARS = 180
MOST_LABELS = 6


def told(incident: Incident, alert: Any) -> tuple[str, str]:
    """Return the level ("quiet", "warning", "bad") and the sentences: what was tried, and whether anybody got in."""
    level, outcome = _outcome(incident)
    if not incident.failures:
        is_severe = alert.severity is alert.Severity.HIGH
        return "bad" if is_severe else level, sentence(alert)
    least = "" if incident.is_complete else "≥ "
    failures = ngettext("%(failures)s failed login", "%(failures)s failed logins", incident.failures)
    names = ngettext("%(names)s name", "%(names)s names", incident.names_tried)
    origins = ngettext("%(addresses)s address", "%(addresses)s addresses", incident.addresses_tried)
    text = _("%(failures)s for %(names)s from %(addresses)s within %(time)s, from %(first)s on.") % {
        "failures": failures % {"failures": least + number(incident.failures)},
        "names": names % {"names": least + number(incident.names_tried)},
        "addresses": origins % {"addresses": least + number(incident.addresses_tried)},
        "time": duration(incident.failed_at[-1] - incident.failed_at[0]),
        "first": clock(incident.failed_at[0]),
    }
    return level, f"{text} {outcome}"


def _outcome(incident: Incident) -> tuple[str, str]:
    tried = sum(entry.was_tried for entry in incident.entries)
    others = len(incident.entries) - tried
    least = "" if incident.has_all_entries else "≥ "
    if tried:
        text = ngettext(
            "Somebody may have got in: %(n)s login of a name that was tried.",
            "Somebody may have got in: %(n)s logins of names that were tried.",
            tried,
        )
        return "bad", text % {"n": least + number(tried)}
    if others:
        text = ngettext(
            "No name that was tried got in; %(n)s other login succeeded from there at that time.",
            "No name that was tried got in; %(n)s other logins succeeded from there at that time.",
            others,
        )
        return "warning", text % {"n": least + number(others)}
    return "warning", _("Nobody got in.")


def duration(time: dt.timedelta) -> str:
    """Return a time in whole minutes, or in hours from two hours on; rounded up."""
    minutes = max(1, -(-int(time.total_seconds()) // 60))
    if minutes < 120:
        return ngettext("%(minutes)s minute", "%(minutes)s minutes", minutes) % {"minutes": number(minutes)}
    hours = -(-minutes // 60)
    return ngettext("%(hours)s hour", "%(hours)s hours", hours) % {"hours": number(hours)}


def figures_of(incident: Incident) -> list[tuple[str, str]]:
    least = "" if incident.is_complete else "≥ "
    entries = "" if incident.has_all_entries else "≥ "
    return [
        (_("Failures"), least + number(incident.failures)),
        (_("Names tried"), least + number(incident.names_tried)),
        (_("Addresses"), least + number(incident.addresses_tried)),
        (_("Logins that succeeded"), entries + number(len(incident.entries))),
    ]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The chart of an attack, for the template chart.html, and the same as rows of a table."""

    axis: tuple[str, ...]
    places: int
    picture: SafeString
    rows: SafeString
    step_text: str
    strip: str = ""


def timeline(incident: Incident) -> Timeline | None:
    """Return the logins by minute, or by some minutes in a long attack; None without logins."""
    moments = [aware(moment) for moment in incident.moments]
    if not moments:
        return None
    minutes = next(
        (m for m in MINUTES if _bar(moments[-1], m) - _bar(moments[0], m) < MOST_BARS), MINUTES[-1]
    )
    first = _bar(moments[0], minutes)
    places = _bar(moments[-1], minutes) - first + 1
    failures = Counter(_bar(moment, minutes) - first for moment in incident.failed_at)
    successes = Counter(_bar(entry.at, minutes) - first for entry in incident.entries)
    starts = [dt.datetime.fromtimestamp((first + place) * minutes * 60, zone()) for place in range(places)]
    stride = -(-places // MOST_LABELS)
    drawing = drawn(
        Chart(
            places=places,
            successes=[successes[place] for place in range(places)],
            failures=[failures[place] for place in range(places)],
            labels=[(place, f"{starts[place]:%H:%M}") for place in range(0, places, stride)],
        )
    )
    step = _("by minute") if minutes == 1 else _("by %(n)s minutes") % {"n": minutes}
    return Timeline(drawing.axis, places, drawing.picture, _rows(starts, successes, failures), step)


def _bar(moment: dt.datetime, minutes: int) -> int:
    return int(aware(moment).timestamp() // (60 * minutes))


def _rows(starts: list[dt.datetime], successes: Counter[int], failures: Counter[int]) -> SafeString:
    row = '<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>'
    return format_html_join(
        "",
        row,
        (
            (clock(start), number(successes[place]), number(failures[place]))
            for place, start in enumerate(starts)
        ),
    )
