"""Collects the content of the dashboard's template: reports and panels as texts and links."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from analytics.calendar import time_of_day
from analytics.conf import conf
from analytics.dashboard import tables
from analytics.dashboard.breakdowns import Breakdown, breakdowns, title_of
from analytics.dashboard.cards import Card, cards
from analytics.dashboard.headline import Headline, headline
from analytics.dashboard.links import Links
from analytics.dashboard.people import People, people
from analytics.dashboard.series import Series, series
from analytics.filters import Filters
from analytics.panels import feed, sessions
from analytics.panels.marks import marks
from analytics.panels.people import names_of
from analytics.panels.saved_views import views_of
from analytics.panels.security import Security, security, visible_security
from analytics.period import Period
from analytics.reports import Overview, overview
from analytics.rights import Rights, rights_of
from analytics.words import action_text, number, percent, step_text
from tracking.words import day_text, text_of

MOST_ACTIONS = 12


@dataclass(frozen=True, slots=True)
class Page:
    rights: Rights
    links: Links
    overview: Overview
    cards: list[Card]
    breakdowns: list[Breakdown]
    series: Series
    hour_rows: SafeString | None
    actions: tuple[tuple[str, str, str], ...]
    chips: tuple[tuple[str, str, str], ...]
    event_rows: SafeString
    session_count: str
    session_rows: SafeString
    security: Security | None
    headline: Headline | None
    people: People
    views: list[tuple[str, str, str, bool]]

    @property
    def as_of(self) -> str:
        return time_of_day(self.overview.as_of)

    @property
    def compared_text(self) -> str:
        """The period that changes are measured against; "" if nothing was recorded in it."""
        if not self.overview.is_comparable:
            return ""
        before = self.overview.period.previous()
        days = {"first": day_text(before.first), "last": day_text(before.last)}
        if before.days == 1:
            return _("compared with %(first)s") % days
        return _("compared with %(first)s to %(last)s") % days

    @property
    def shades(self) -> range:
        return range(1, tables.SHADES + 1)

    @property
    def most_an_hour(self) -> str:
        """The logins of the darkest cell of the heat map."""
        return number(tables.most_of(self.overview.hours or ()))

    @property
    def whole(self) -> str:
        return percent(1)

    @property
    def step_text(self) -> str:
        return step_text(self.overview.step)

    @property
    def behind_text(self) -> str:
        return number(self.overview.events_behind)


def page(
    span: dict[str, str], period: Period, filters: Filters, user: Any, *, present: UUID | None = None
) -> Page:
    """Collect what this user may see. `present` is the session of the request, which the reader must not end."""
    rights = rights_of(user)
    links, report = Links(span, period, filters, rights), overview(period, filters)
    events, open_sessions = feed.newest_rows(filters, rights), sessions.newest_rows()
    names = names_of(row.user_id for row in [*events, *open_sessions])
    safety = visible_security(security(period), rights)
    count = sessions.count_open(open_sessions)
    session_count = ("≥ " if count == sessions.MOST_COUNTED else "") + number(count)
    return Page(
        rights=rights,
        links=links,
        overview=report,
        cards=cards(report, session_count, links),
        breakdowns=breakdowns(report, links),
        series=series(report, marks(period, user, rights), links),
        hour_rows=tables.hour_rows(report),
        actions=tuple(
            (action_text(a.action), number(a.activities), number(a.previous) if report.is_comparable else "—")
            for a in report.actions[:MOST_ACTIONS]
        ),
        chips=tuple(
            (title_of(name), text_of(value), links.query(**{name: None}))
            for name, value in filters.active.items()
        ),
        event_rows=tables.event_rows(feed.happenings(events, names, most=conf.FEED_ROWS)),
        session_count=session_count,
        session_rows=tables.session_rows(
            sessions.described(open_sessions, names) if rights.sessions else (), rights, present=present
        ),
        security=safety,
        headline=headline(safety, present=present) if safety and rights.alerts else None,
        people=people(period, rights),
        views=[(str(view.pk), view.name, view.query, view.query == links.query()) for view in views_of(user)],
    )
