"""Renders the rows of the dashboard's tables as HTML, without a template.

There are hundreds of cells, and a template takes longer for them than everything else takes. Every value from outside
passes through `format_html`.
"""

from collections.abc import Iterable
from uuid import UUID

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from analytics.panels.entities import address_of
from analytics.panels.feed import Happening
from analytics.panels.sessions import OpenSession
from analytics.reports import Overview
from analytics.rights import Rights
from analytics.words import action_text, entity_text, number, weekdays
from tracking.countries import country_label
from tracking.words import text_of

# Shades of the heat map; the stylesheet has the same number.
SHADES = 9


def hour_rows(overview: Overview) -> SafeString | None:
    """Render the heat map: a cell has one shade for its number of logins, and one for the part that failed."""
    if overview.hours is None:
        return None
    most = most_of(overview.hours) or 1
    pattern = escape(_("%(logins)s logins, %(failures)s failed"))
    rows = []
    for name, row in zip(map(escape, weekdays()), overview.hours, strict=True):
        cells = (_cell(f"{name} {hour:02}:00", *cell, most, pattern) for hour, cell in enumerate(row))
        rows.append(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>')
    return mark_safe("".join(rows))  # noqa: S308 (numbers and escaped words)


def most_of(hours: Iterable[Iterable[tuple[int, int]]]) -> int:
    """Return the logins of the hour that has the most."""
    return max((sum(cell) for row in hours for cell in row), default=0)


def _cell(when: str, successes: int, failures: int, most: int, pattern: str) -> str:
    logins = successes + failures
    failed_shade = -(-SHADES * failures // logins) if logins else 0
    text = pattern % {"logins": number(logins), "failures": number(failures)}
    return (
        f'<td class="an-l{-(-SHADES * logins // most)} an-f{failed_shade}" title="{when} · {text}">'
        f'<span class="visually-hidden">{text}</span></td>'
    )


EVENT = (
    '<tr class="an-{}" data-key="{}"><td><time>{}</time></td><td>{}</td>'
    '<td><span class="an-tag">{}</span> {}</td><td>{}</td><td>{} {}</td></tr>'
)


class AddressLinks:
    """Links of addresses to their pages. The address of the page is looked up once: there are many rows."""

    def __init__(self, *, are_drawn: bool = True) -> None:
        """`are_drawn` is False for people who may not see the logins from an address."""
        self._pattern = reverse("analytics:address", args=["0"]) if are_drawn else ""

    def of(self, ip_address: str) -> str:
        if not ip_address or not self._pattern:
            return ip_address
        return format_html('<a href="{}">{}</a>', self._pattern.replace("/0/", f"/{ip_address}/"), ip_address)


def event_rows(events: Iterable[Happening]) -> SafeString:
    links = AddressLinks()
    return format_html_join(
        "",
        EVENT,
        (
            (
                e.kind,
                e.key,
                e.time,
                _who(e),
                _what(e),
                _detail(e),
                _where(e),
                links.of(e.ip_address),
                country_label(e.country),
            )
            for e in events
        ),
    )


def _what(event: Happening) -> str:
    return {"login": _("logged in"), "failure": _("was refused")}.get(event.kind) or action_text(event.what)


def _detail(event: Happening) -> str:
    """Return the method and the reason of a login, or the entity of an activity."""
    if event.kind == "activity":
        if event.entity is None:
            return event.detail
        address, text = address_of(*event.entity), entity_text(*event.entity)
        return format_html('<a href="{}">{}</a>', address, text) if address else text
    return " · ".join(text_of(part) for part in event.detail.split(" · ") if part)


def _where(row: Happening | OpenSession) -> str:
    """Return browser, system and kind of device."""
    return " · ".join(text_of(part) for part in row.where.split(" · ") if part)


SESSION = (
    '<tr data-session="{}"><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td><time>{}</time></td>'
    "<td><time>{}</time></td>{}</tr>"
)
END = '<td><button form="an-end" name="session" value="{}" class="an-quiet" aria-label="{}">{}</button></td>'


def session_rows(
    sessions: Iterable[OpenSession], rights: Rights, *, present: UUID | None = None
) -> SafeString:
    """Render the sessions. The buttons belong to the form `an-end`, so that its CSRF token is in the page only once.

    The session of the reader (`present`) has no button: one click would sign them out.
    """
    links = AddressLinks(are_drawn=rights.logins)
    return format_html_join(
        "",
        SESSION,
        (
            (
                s.id,
                _who(s),
                _where(s),
                links.of(s.ip_address),
                text_of(s.method),
                s.began,
                s.last_seen,
                _end(s, present) if rights.end_sessions else "",
            )
            for s in sessions
        ),
    )


def _end(session: OpenSession, present: UUID | None) -> SafeString:
    if session.id == present:
        return format_html("<td>{}</td>", _("this session"))
    label = _("End this session of %(who)s") % {"who": session.who}
    return format_html(END, session.id, label, _("End"))


def _who(row: Happening | OpenSession) -> str:
    if row.user_id is None:
        return row.who or "—"
    return format_html(
        '<a href="{}">{}</a>', reverse("analytics:user", args=[quote(str(row.user_id))]), row.who
    )
