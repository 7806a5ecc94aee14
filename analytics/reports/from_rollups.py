"""What the roll-ups say of a period, each part by one query over its days, or its months and the days left over."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db.models import Q, Sum

from analytics.calendar import local, month_of, slots_of
from analytics.filters import DIMENSIONS, SUCCESS_NAMES
from analytics.models import ActivityCube, LoginCube, LoginHour, LoginShare, LoginSlot, Resolution, UserSketch
from analytics.period import Cover, Step, cover, point_of_slot
from analytics.reports.question import Question
from analytics.reports.tally import Outcomes, Shares, Tally
from analytics.rollups.sketch import joined
from analytics.rollups.terms import ANY, Terms

# The columns of the cube, and what they are called in filters; in the order of DIMENSIONS.
COLUMNS = {("success" if name == "outcome" else name): name for name in DIMENSIONS}


def read_rollups(asked: Question) -> Tally:
    terms = Terms()
    tally = Tally(full=terms.full())
    if not asked.filters.are_narrow:
        _read_days(tally, asked, terms)
    elif asked.step in (Step.SLOT, Step.HOUR):
        _read_slots(tally, asked, terms)
    else:
        _read_hours(tally, asked, terms)
    _read_shares(tally, asked, terms)
    _read_users(tally, asked)
    _read_actions(tally, asked, terms)
    return tally


def _read_slots(tally: Tally, asked: Question, terms: Terms) -> None:
    low, _ = slots_of(asked.previous.first, asked.previous.last, asked.zone)
    start, high = slots_of(asked.period.first, asked.period.last, asked.zone)
    rows = LoginSlot.objects.filter(slot__gte=low, slot__lt=high, **_narrow(asked, terms))
    for slot, success, logins in _sums(rows, "slot", "success"):
        add_slot(tally, asked, slot, success, logins, is_current=slot >= start)


def add_slot(
    tally: Tally, asked: Question, slot: int, success: bool, logins: int, *, is_current: bool
) -> None:
    moment = local(slot, asked.zone)
    if asked.step is Step.DAY:
        point: Any = moment.date()
    elif asked.step is Step.MONTH:
        point = month_of(moment.date())
    else:
        point = point_of_slot(slot, asked.step, asked.zone)
    if is_current:
        tally.current.add(point, success, logins)
        tally.add_hour(moment.weekday(), moment.hour, success, logins)
    else:
        tally.previous.add(point, success, logins, is_in_sum=asked.had_come(moment))


def _read_hours(tally: Tally, asked: Question, terms: Terms) -> None:
    with_months = asked.step is Step.MONTH
    rows = LoginHour.objects.filter(_within(asked, with_months=with_months), **_narrow(asked, terms))
    cells = _sums(rows, "bucket", "weekday", "hour", "success")
    for bucket, weekday, hour, success, logins in cells:
        point = month_of(bucket) if with_months else bucket
        if bucket >= asked.period.first:
            tally.current.add(point, success, logins)
            tally.add_hour(weekday, hour, success, logins)
        else:
            moment = dt.datetime.combine(bucket, dt.time(hour))
            had_come = asked.had_come(moment)
            tally.previous.add(point, success, logins, is_in_sum=had_come)


def _read_days(tally: Tally, asked: Question, terms: Terms) -> None:
    """Filters that hours are not counted by: days and months are."""
    with_months = asked.step is Step.MONTH
    rows = LoginCube.objects.filter(_within(asked, with_months=with_months), **_conditions(asked, terms))
    for bucket, success, logins in _sums(rows, "bucket", "success"):
        point = month_of(bucket) if with_months else bucket
        if bucket >= asked.period.first:
            tally.current.add(point, success, logins)
        else:
            had_come = asked.had_come(dt.datetime.combine(bucket, dt.time()))
            tally.previous.add(point, success, logins, is_in_sum=had_come)


def _read_shares(tally: Tally, asked: Question, terms: Terms) -> None:
    if not asked.filters.active:
        _read_each_share(tally, asked, terms)
        return
    conditions = _conditions(asked, terms)
    shares = Shares({COLUMNS[column]: value for column, value in conditions.items()})
    rows = LoginCube.objects.filter(_of_cover(cover(asked.period)))
    for *values, logins in _sums(rows, *COLUMNS):
        shares.add(values, values[0], logins)
    shares.add_to(tally, terms.value)


def _read_each_share(tally: Tally, asked: Question, terms: Terms) -> None:
    rows = LoginShare.objects.filter(_of_cover(cover(asked.period)))
    for place, value, success, logins in _sums(rows, "dimension", "value", "success"):
        name = DIMENSIONS[place]
        text = SUCCESS_NAMES[bool(value)] if name == "outcome" else terms.value(value)
        tally.shares[name].setdefault(text, Outcomes()).add(success, logins)


def _read_users(tally: Tally, asked: Question) -> None:
    """Who logged in is not known by filters: see `Side.users`."""
    if asked.filters.active:
        return
    rows = UserSketch.objects.filter(_within(asked, with_months=True)).values_list("bucket", "registers")
    sketches: dict[bool, list[bytes]] = {True: [], False: []}
    for bucket, registers in rows:
        sketches[bucket >= asked.period.first].append(bytes(registers))
    tally.current.users, tally.previous.users = joined(sketches[True]), joined(sketches[False])


def _read_actions(tally: Tally, asked: Question, terms: Terms) -> None:
    rows = ActivityCube.objects.filter(_within(asked, with_months=True)).order_by()
    is_current = Q(bucket__gte=asked.period.first)
    grouped = rows.annotate(is_current=is_current).values_list("is_current", "action")
    for current, action, activities in grouped.annotate(number=Sum("activities")):
        side = tally.current if current else tally.previous
        side.actions[terms.value(action)] += activities


def _narrow(asked: Question, terms: Terms) -> dict[str, Any]:
    """What is not filtered by is counted as ANY."""
    return {"method": ANY, "device": ANY} | _conditions(asked, terms)


def _conditions(asked: Question, terms: Terms) -> dict[str, Any]:
    """By the columns of a roll-up."""
    found: dict[str, Any] = {
        name: terms.asked(name, value) for name, value in asked.filters.active.items() if name != "outcome"
    }
    if asked.filters.success is not None:
        found["success"] = asked.filters.success
    return found


def _within(asked: Question, *, with_months: bool) -> Q:
    """The rows of both periods, by their days or by the months within them."""
    both = (asked.previous, asked.period)
    covers = [cover(period) if with_months else Cover(None, (period,)) for period in both]
    return _of_cover(covers[0]) | _of_cover(covers[1])


def _of_cover(covered: Cover) -> Q:
    found = Q()
    for days in covered.days:
        found |= Q(resolution=Resolution.DAY, bucket__gte=days.first, bucket__lte=days.last)
    if covered.months:
        months = covered.months
        found |= Q(resolution=Resolution.MONTH, bucket__gte=months.first, bucket__lte=months.last)
    return found


def _sums(rows: Any, *columns: str) -> Iterable[tuple[Any, ...]]:
    found: Iterable[tuple[Any, ...]] = rows.order_by().values_list(*columns).annotate(number=Sum("logins"))
    return found
