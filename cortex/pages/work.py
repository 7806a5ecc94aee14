"""Reads what the home page shows: what needs the person first, what is in progress, what was added last.

Cached for each user and day. `freshness` invalidates it when a POV, a TRR or a user changes.
"""

import datetime as dt
from typing import Any

from django.core.cache import caches
from django.db.models import Count, F, Q, QuerySet, Value
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cortex.models import Pov, Trr, User
from cortex.pages.listings import POVS, SOON, TRRS

MOST_URGENT, MOST_OTHERS = 8, 5
GRAVE = (Trr.RiskLevel.CRITICAL, Trr.RiskLevel.HIGH)
LEVELS = {str(value): label for value, label in (*Pov.Priority.choices, *Trr.RiskLevel.choices)}

Row = dict[str, Any]


def work_of(user: User) -> dict[str, Any]:
    """Returns {"needs", "progress", "recent": lists of rows with words, "numbers": name → count}."""
    today = timezone.localdate()
    cache: Any = caches["lists"]
    work: dict[str, Any] = cache.get_or_set(f"home:{user.pk}:{today}", lambda: _read(user, today))
    described = {
        part: [row | _described(row, today) for row in work[part]] for part in ("needs", "progress", "recent")
    }
    return described | {"numbers": work["numbers"]}


def _read(user: User, today: dt.date) -> dict[str, Any]:
    povs = Pov.objects.of(user).filter(status__in=POVS.unfinished)
    trrs = Trr.objects.of(user).filter(status__in=TRRS.unfinished)
    urgent_pov = Q(end_date__lte=today + SOON) | Q(status=Pov.Status.ON_HOLD)
    urgent_trr = Q(assessor=user, due_on__lte=today + SOON) | Q(assessor=None, risk_level__in=GRAVE)
    needs = [*_povs(povs.filter(urgent_pov)), *_trrs(trrs.filter(urgent_trr))]
    progress = [*_povs(povs.exclude(urgent_pov)), *_trrs(trrs.filter(assessor=user).exclude(urgent_trr))]
    recent = [*_newest(_povs, Pov.objects.visible_to(user)), *_newest(_trrs, Trr.objects.visible_to(user))]
    recent.sort(key=lambda row: row["created_at"], reverse=True)
    return {
        "needs": _soonest(needs)[:MOST_URGENT],
        "progress": _soonest(progress)[:MOST_OTHERS],
        "recent": recent[:MOST_OTHERS],
        "numbers": _numbers(user, today),
    }


def _povs(rows: QuerySet[Pov], order: Any = "") -> list[Row]:
    """Reads the first rows in an order; not given: what ends first comes first."""
    columns = {"kind": Value("pov"), "about": F("customer"), "level": F("priority"), "day": F("end_date")}
    return _first(rows.values("pk", "title", "status", "created_at", **columns), order)


def _trrs(rows: QuerySet[Trr], order: Any = "") -> list[Row]:
    columns = {"kind": Value("trr"), "about": F("pov__title"), "level": F("risk_level"), "day": F("due_on")}
    return _first(rows.values("pk", "title", "status", "created_at", "assessor", **columns), order)


def _first(rows: QuerySet[Any, Any], order: Any) -> list[Row]:
    return list(rows.order_by(order or F("day").asc(nulls_last=True), "-pk")[:MOST_URGENT])


def _newest(read: Any, rows: QuerySet[Any]) -> list[Row]:
    return list(read(rows, "-created_at"))


def _soonest(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["day"] or dt.date.max, row["title"]))


def _numbers(user: User, today: dt.date) -> dict[str, int]:
    late_pov = Q(status__in=POVS.unfinished, end_date__lt=today)
    late_trr = Q(status__in=TRRS.unfinished, due_on__lt=today)
    povs = Pov.objects.of(user).aggregate(
        active=Count("pk", filter=Q(status=Pov.Status.ACTIVE)), late=Count("pk", filter=late_pov)
    )
    trrs = Trr.objects.of(user).aggregate(
        open=Count("pk", filter=Q(status=Trr.Status.OPEN)), late=Count("pk", filter=late_trr)
    )
    return {
        "active_povs": povs["active"],
        "open_trrs": trrs["open"],
        "late_povs": povs["late"],
        "late_trrs": trrs["late"],
    }


def _described(row: Row, today: dt.date) -> dict[str, str]:
    """Returns the words of a row: its level, why it needs somebody, and how urgent that is."""
    label = str(LEVELS[row["level"]])
    words = {"label": _("%s risk") % label if row["kind"] == "trr" else _("%s priority") % label}
    if row["status"] not in (*POVS.unfinished, *TRRS.unfinished):
        return words | {"reason": "", "urgency": ""}
    reason, urgency = _due(row["day"], today)
    if row["status"] == Pov.Status.ON_HOLD and urgency != "late":
        reason, urgency = _("On hold"), "soon"
    elif row["kind"] == "trr" and row["assessor"] is None and urgency != "late":
        reason, urgency = _("No assessor"), "soon"
    return words | {"reason": reason, "urgency": urgency}


def _due(day: dt.date | None, today: dt.date) -> tuple[str, str]:
    if day is None:
        return "", ""
    days = (day - today).days
    if days < 0:
        return ngettext("%d day overdue", "%d days overdue", -days) % -days, "late"
    if days > SOON.days:
        return _("Due %s") % date_format(day, "j M Y"), ""
    return (_("Due today") if days == 0 else ngettext("Due in %d day", "Due in %d days", days) % days), "soon"
