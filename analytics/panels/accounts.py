"""Finds the accounts that nobody uses: never, or not for 90 days.

An account is in use if the log has a successful login of it, or if Django noted one (`last_login`), such as before
logins were recorded. Deactivated accounts are left out, where the user model has `is_active`.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import router
from django.db.models import DateTimeField, Exists, OuterRef, Q
from django.utils import timezone

from analytics.calendar import aware, clock
from analytics.models import UserRollup
from analytics.reports.cached import cached
from analytics.reports.tail import UserTail, users_behind
from analytics.rollups.users import seen_of

UNUSED_DAYS = 90
# All accounts are read for the numbers, so they are not counted for every look.
NUMBERS_SECONDS = 60
PAGE = 5_000


class Unused(StrEnum):
    """How long an account was not used."""

    NEVER = "never"
    LONG = "90d"


@dataclass(frozen=True, slots=True)
class Account:
    """An account; what the user model does not have is "" or None."""

    pk: Any
    name: str
    email: str
    joined_at: dt.datetime | None
    last_at: dt.datetime | None

    @property
    def joined(self) -> str:
        return clock(self.joined_at) if self.joined_at else "—"

    @property
    def last(self) -> str:
        return clock(self.last_at) if self.last_at else "—"


def are_known() -> bool:
    """Tell whether accounts and roll-ups are in one database, which compares them."""
    return router.db_for_read(get_user_model()) == router.db_for_read(UserRollup)


def are_counted() -> bool:
    """Tell whether the logins are counted by user. If not, accounts that are in use would be called unused."""
    return users_behind().is_complete


def columns() -> dict[str, str]:
    """Return the fields of the user model: of "name", and of "email", "joined" and "last_login" if it has them."""
    model: Any = get_user_model()
    fields = {field.name: field for field in model._meta.concrete_fields}
    candidates = (("joined", "created_at"), ("joined", "date_joined"), ("last_login", "last_login"))
    found = {name: field for name, field in candidates if isinstance(fields.get(field), DateTimeField)}
    email = model.get_email_field_name() if hasattr(model, "get_email_field_name") else "email"
    if email in fields and email != model.USERNAME_FIELD:
        found["email"] = email
    return {"name": model.USERNAME_FIELD, **found}


def numbers() -> dict[Unused, int]:
    """Return how many accounts are unused, at most NUMBERS_SECONDS old; nothing if that is not known."""
    if not are_known():
        return {}
    return cached(
        "accounts:unused",
        _numbers,
        lambda data: {kind: int(data[kind]) for kind in Unused if data},
        NUMBERS_SECONDS,
    )


def _numbers() -> dict[str, int]:
    behind = users_behind()
    if not behind.is_complete:
        return {}
    never = int(_never(behind).count())
    return {Unused.NEVER: never, Unused.LONG: int(_not_lately(behind).count()) - never}


def unused(kind: Unused) -> Any:
    """Return the accounts, in the order of their keys."""
    behind = users_behind()
    if kind is Unused.NEVER:
        return _never(behind).order_by("pk")
    used = Exists(UserRollup.objects.filter(pk=OuterRef("pk"))) | Q(pk__in=list(behind.seen))
    if "last_login" in columns():
        used |= Q(last_login__isnull=False)
    return _not_lately(behind).filter(used).order_by("pk")


def page_of(kind: Unused, *, after: str, most: int) -> tuple[list[Account], str]:
    """Return the accounts behind a key, and the key to continue from; "" at the end."""
    rows = unused(kind)
    if after:
        with suppress(
            ValueError, OverflowError, ValidationError
        ):  # not a key: the list begins with its first page
            rows = rows.filter(pk__gt=get_user_model()._meta.pk.to_python(after.replace("\0", "")))
    found = _described(rows, most + 1)
    return found[:most], str(found[most - 1].pk) if len(found) > most else ""


def pages(kind: Unused) -> Iterator[list[Account]]:
    """Yield all accounts, in pages that each begin behind the last."""
    rows = unused(kind)
    page = _described(rows, PAGE)
    while page:
        yield page
        page = _described(rows.filter(pk__gt=page[-1].pk), PAGE) if len(page) == PAGE else []


def _never(behind: UserTail) -> Any:
    """Select accounts without any login."""
    rows = _active_accounts().filter(~Exists(UserRollup.objects.filter(pk=OuterRef("pk"))))
    if "last_login" in columns():
        rows = rows.filter(last_login__isnull=True)
    return rows.exclude(pk__in=list(behind.seen)) if behind.seen else rows


def _not_lately(behind: UserTail) -> Any:
    """Select accounts without a login in the last UNUSED_DAYS, whether or not they had one before."""
    since = timezone.now() - dt.timedelta(days=UNUSED_DAYS)
    rows = _active_accounts().filter(
        ~Exists(UserRollup.objects.filter(pk=OuterRef("pk"), last_login_at__gte=since))
    )
    if "last_login" in columns():
        rows = rows.filter(Q(last_login__isnull=True) | Q(last_login__lt=since))
    lately = [user for user, seen in behind.seen.items() if aware(seen.last_at) >= aware(since)]
    return rows.exclude(pk__in=lately) if lately else rows


def _active_accounts() -> Any:
    model: Any = get_user_model()
    fields = {field.name for field in model._meta.concrete_fields}
    rows = model._base_manager.order_by()
    return rows.filter(is_active=True) if "is_active" in fields else rows


def _described(rows: Any, most: int) -> list[Account]:
    names = columns()
    found = list(rows.values("pk", *names.values())[:most])
    behind, seen = users_behind().seen, seen_of(row["pk"] for row in found)
    accounts = []
    for row in found:
        noted = [row[names["last_login"]]] if "last_login" in names else []
        moments = [*noted, *(one.last_at for one in (seen.get(row["pk"]), behind.get(row["pk"])) if one)]
        accounts.append(
            Account(
                pk=row["pk"],
                name=str(row[names["name"]]),
                email=str(row[names["email"]] or "") if "email" in names else "",
                joined_at=row[names["joined"]] if "joined" in names else None,
                last_at=max((moment for moment in moments if moment), default=None, key=aware),
            )
        )
    return accounts
