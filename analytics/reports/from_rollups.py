"""Reads the roll-ups of a period, each part with one query over its whole months and remaining days."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db.models import Min, Q, Sum

from analytics.calendar import local, month_of, slots_of
from analytics.filters import DIMENSIONS, OUTCOME_NAMES
from analytics.models import ActivityCube, LoginCube, LoginHour, LoginShare, LoginSlot, Resolution, UserSketch
from analytics.period import Cover, Step, cover, point_of_slot
from analytics.reports.question import Question
from analytics.reports.tally import LoginCounts, Shares, Tally
from analytics.rollups.sketch import joined
from analytics.rollups.terms import ANY, Terms

# The columns of the cube and their names in filters, in the order of DIMENSIONS.
COLUMNS = {("success" if name == "outcome" else name): name for name in DIMENSIONS}


def read_rollups(question: Question) -> Tally:
    """Count the logins and activities of both periods that the roll-ups have."""
    terms = Terms()
    tally = Tally(full=terms.full())
    if not question.filters.are_narrow:
        _read_days(tally, question, terms)
    elif question.step in (Step.SLOT, Step.HOUR):
        _read_slots(tally, question, terms)
    else:
        _read_hours(tally, question, terms)
    _read_shares(tally, question, terms)
    _read_users(tally, question)
    _read_actions(tally, question, terms)
    # Days are counted for ever, also where the log is pruned.
    days = LoginShare.objects.filter(resolution=Resolution.DAY)
    tally.began = days.aggregate(Min("bucket"))["bucket__min"]
    return tally


def _read_slots(tally: Tally, question: Question, terms: Terms) -> None:
    start, end = slots_of(question.period.first, question.period.last, question.zone)
    low, high = slots_of(question.previous.first, question.previous.last, question.zone)
    within = Q(slot__gte=low, slot__lt=high) | Q(slot__gte=start, slot__lt=end)
    rows = LoginSlot.objects.filter(within, **_narrow(question, terms))
    for slot, success, logins in _sums(rows, "slot", "success"):
        add_slot(tally, question, slot, success, logins, is_current=slot >= start)


def add_slot(
    tally: Tally, question: Question, slot: int, success: bool, logins: int, *, is_current: bool
) -> None:
    """Add logins of a slot to the series and the hours of its period."""
    moment = local(slot, question.zone)
    if question.step is Step.DAY:
        point: Any = moment.date()
    elif question.step is Step.MONTH:
        point = month_of(moment.date())
    else:
        point = point_of_slot(slot, question.step, question.zone)
    if is_current:
        tally.current.add(point, success, logins)
        tally.add_hour(moment.weekday(), moment.hour, success, logins)
    else:
        tally.previous.add(point, success, logins, is_in_sum=question.is_comparable_yet(moment))


def _read_hours(tally: Tally, question: Question, terms: Terms) -> None:
    with_months = question.step is Step.MONTH
    rows = LoginHour.objects.filter(_within(question, with_months=with_months), **_narrow(question, terms))
    cells = _sums(rows, "bucket", "weekday", "hour", "success")
    for bucket, weekday, hour, success, logins in cells:
        point = month_of(bucket) if with_months else bucket
        if bucket >= question.period.first:
            tally.current.add(point, success, logins)
            tally.add_hour(weekday, hour, success, logins)
        else:
            moment = dt.datetime.combine(bucket, dt.time(hour))
            tally.previous.add(point, success, logins, is_in_sum=question.is_comparable_yet(moment))


def _read_days(tally: Tally, question: Question, terms: Terms) -> None:
    """Read days and months, for filters that slots and hours are not counted by."""
    with_months = question.step is Step.MONTH
    rows = LoginCube.objects.filter(
        _within(question, with_months=with_months), **_conditions(question, terms)
    )
    for bucket, success, logins in _sums(rows, "bucket", "success"):
        point = month_of(bucket) if with_months else bucket
        if bucket >= question.period.first:
            tally.current.add(point, success, logins)
        else:
            moment = dt.datetime.combine(bucket, dt.time())
            tally.previous.add(point, success, logins, is_in_sum=question.is_comparable_yet(moment))


def _read_shares(tally: Tally, question: Question, terms: Terms) -> None:
    if not question.filters.active:
        _read_each_share(tally, question, terms)
        return
    conditions = _conditions(question, terms)
    shares = Shares({COLUMNS[column]: value for column, value in conditions.items()})
    rows = LoginCube.objects.filter(of_cover(cover(question.period)))
    for *values, logins in _sums(rows, *COLUMNS):
        shares.add(values, values[0], logins)
    shares.add_to(tally, terms.value)


def _read_each_share(tally: Tally, question: Question, terms: Terms) -> None:
    rows = LoginShare.objects.filter(of_cover(cover(question.period)))
    for place, value, success, logins in _sums(rows, "dimension", "value", "success"):
        name = DIMENSIONS[place]
        text = OUTCOME_NAMES[bool(value)] if name == "outcome" else terms.value(value)
        tally.shares[name].setdefault(text, LoginCounts()).add(success, logins)


def _read_users(tally: Tally, question: Question) -> None:
    """Read the sketches of users. They are not counted by filters, so under filters there are none."""
    if question.filters.active:
        return
    rows = UserSketch.objects.filter(_within(question, with_months=True)).values_list("bucket", "registers")
    sketches: dict[bool, list[bytes]] = {True: [], False: []}
    for bucket, registers in rows:
        sketches[bucket >= question.period.first].append(bytes(registers))
    tally.current.users, tally.previous.users = joined(sketches[True]), joined(sketches[False])


def _read_actions(tally: Tally, question: Question, terms: Terms) -> None:
    rows = ActivityCube.objects.filter(_within(question, with_months=True)).order_by()
    is_current = Q(bucket__gte=question.period.first)
    grouped = rows.annotate(is_current=is_current).values_list("is_current", "action")
    for current, action, activities in grouped.annotate(number=Sum("activities")):
        side = tally.current if current else tally.previous
        side.actions[terms.value(action)] += activities


def _narrow(question: Question, terms: Terms) -> dict[str, Any]:
    """Return the conditions on slots and hours: a dimension without a filter is counted as ANY."""
    return {"method": ANY, "device": ANY} | _conditions(question, terms)


def _conditions(question: Question, terms: Terms) -> dict[str, Any]:
    """Return the filters as conditions on the columns of a roll-up."""
    conditions: dict[str, Any] = {
        name: terms.number_to_find(name, value)
        for name, value in question.filters.active.items()
        if name != "outcome"
    }
    if question.filters.success is not None:
        conditions["success"] = question.filters.success
    return conditions


def _within(question: Question, *, with_months: bool) -> Q:
    """Select the rows of both periods, by days, or by whole months and the remaining days."""
    both = (question.previous, question.period)
    covers = [cover(period) if with_months else Cover(None, (period,)) for period in both]
    return of_cover(covers[0]) | of_cover(covers[1])


def of_cover(covered: Cover) -> Q:
    """Select the days and months of a period."""
    condition = Q()
    for days in covered.days:
        condition |= Q(resolution=Resolution.DAY, bucket__gte=days.first, bucket__lte=days.last)
    if covered.months:
        months = covered.months
        condition |= Q(resolution=Resolution.MONTH, bucket__gte=months.first, bucket__lte=months.last)
    return condition


def _sums(rows: Any, *columns: str) -> Iterable[tuple[Any, ...]]:
    sums: Iterable[tuple[Any, ...]] = rows.order_by().values_list(*columns).annotate(number=Sum("logins"))
    return sums
