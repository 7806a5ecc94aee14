"""Rows of the dashboard's tables as HTML: hundreds of cells, which a template takes longer for than all the rest does.

Whatever comes from outside passes through `format_html`.
"""

from collections.abc import Iterable

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from analytics.panels.feed import Happening
from analytics.panels.sessions import OpenSession
from analytics.reports import Overview

# Shades of the heat map; the stylesheet has as many.
SHADES = 9


def series_rows(found: Overview) -> SafeString:
    row = '<tr><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>'
    figures = ((p.label, f"{p.successes:,}", f"{p.failures:,}", f"{p.previous:,}") for p in found.series)
    return format_html_join("", row, figures)


def hour_rows(found: Overview) -> SafeString | None:
    """A cell has one shade by its number of logins, and another by the part of them that failed."""
    if found.hours is None:
        return None
    most = max((sum(cell) for row in found.hours for cell in row), default=0) or 1
    weekdays = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
    said = escape(_("%(logins)s logins, %(failures)s failed"))
    rows = []
    for name, row in zip(map(escape, weekdays), found.hours, strict=True):
        cells = (_cell(f"{name} {hour:02}:00", *cell, most, said) for hour, cell in enumerate(row))
        rows.append(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>')
    return mark_safe("".join(rows))  # noqa: S308 (numbers, and words that are escaped)


def _cell(when: str, successes: int, failures: int, most: int, said: str) -> str:
    logins = successes + failures
    failed_shade = -(-SHADES * failures // logins) if logins else 0
    text = said % {"logins": f"{logins:,}", "failures": f"{failures:,}"}
    return (
        f'<td class="an-l{-(-SHADES * logins // most)} an-f{failed_shade}" title="{when} · {text}">'
        f'<span class="visually-hidden">{text}</span></td>'
    )


EVENT = (
    '<tr class="an-{}" data-key="{}"><td><time>{}</time></td><td>{}</td>'
    '<td><span class="an-tag">{}</span> {}</td><td>{}</td><td>{}</td></tr>'
)


def event_rows(events: Iterable[Happening]) -> SafeString:
    return format_html_join(
        "",
        EVENT,
        ((e.kind, e.key, e.time, _who(e), e.what, e.detail, e.where, e.ip_address) for e in events),
    )


SESSION = (
    '<tr data-session="{}"><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td><time>{}</time></td>'
    "<td><time>{}</time></td>{}</tr>"
)
END = '<td><button form="an-end" name="session" value="{}" class="an-quiet" aria-label="{}">{}</button></td>'


def session_rows(sessions: Iterable[OpenSession], *, may_end: bool) -> SafeString:
    """The button belongs to the form with the id `an-end`, so that its token is in the page once."""
    return format_html_join(
        "",
        SESSION,
        (
            (s.id, _who(s), s.where, s.ip_address, s.method, s.began, s.last_seen, _end(s) if may_end else "")
            for s in sessions
        ),
    )


def _end(session: OpenSession) -> SafeString:
    said = _("End this session of %(who)s") % {"who": session.who}
    return format_html(END, session.id, said, _("End"))


def _who(row: Happening | OpenSession) -> str:
    if row.user_id is None:
        return row.who or "—"
    return format_html(
        '<a href="{}">{}</a>', reverse("analytics:user", args=[quote(str(row.user_id))]), row.who
    )
