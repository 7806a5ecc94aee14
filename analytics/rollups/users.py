"""Counts logins by user: the first, the latest, and their number.

Only successful logins of known users count. Late events change the first or the latest; the database decides by LEAST
and GREATEST, so the order of counting does not matter.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.models import Count, Max, Min

from analytics.models import UserRollup
from analytics.rollups.upsert import ROWS_PER_STATEMENT


@dataclass(frozen=True, slots=True)
class Seen:
    """The logins of a user."""

    first_at: dt.datetime
    last_at: dt.datetime
    logins: int

    def with_(self, other: "Seen | None") -> "Seen":
        """Return the logins of both together."""
        if other is None:
            return self
        first_at, last_at = min(self.first_at, other.first_at), max(self.last_at, other.last_at)
        return Seen(first_at, last_at, self.logins + other.logins)


def seen_in(logins: Any) -> Any:
    """Return user, first, latest and number of the logins that count, as rows in the order of users."""
    rows = logins.filter(success=True, user__isnull=False).order_by("user").values_list("user")
    return rows.annotate(first_at=Min("timestamp"), last_at=Max("timestamp"), logins=Count("pk"))


def seen_of(user_ids: Iterable[Any], *, using: str | None = None) -> dict[Any, Seen]:
    """Return what the roll-up has of these users."""
    rows: Any = UserRollup.objects.using(using).filter(pk__in=list(user_ids))
    return {
        user: Seen(*seen)
        for user, *seen in rows.values_list("user", "first_login_at", "last_login_at", "logins")
    }


def count_by_user(logins: Any, *, using: str) -> int:
    """Add logins to the roll-up, in the caller's transaction, and return how many counted."""
    rows = list(seen_in(logins))
    add_rows(rows, using=using)
    return sum(row[-1] for row in rows)


def add_rows(rows: list[tuple[Any, ...]], *, using: str) -> None:
    """Add rows of user, first, latest and number to the roll-up, in the caller's transaction."""
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        _upsert(rows[start : start + ROWS_PER_STATEMENT], connections[using])


def _upsert(rows: list[tuple[Any, ...]], connection: Any) -> None:
    quote = connection.ops.quote_name
    table, fields = quote(UserRollup._meta.db_table), UserRollup._meta.concrete_fields
    user, first, last, logins = (quote(field.column) for field in fields)
    keys = [fields[0].get_db_prep_save(row[0], connection) for row in rows]
    is_postgres = connection.vendor == "postgresql"
    least, greatest = ("LEAST", "GREATEST") if is_postgres else ("MIN", "MAX")
    if is_postgres:
        source = (
            f"SELECT * FROM unnest({', '.join(f'%s::{field.db_type(connection)}[]' for field in fields)})"
        )
    else:
        source = "VALUES (%s, %s, %s, %s)"
    statement = (
        f"INSERT INTO {table} ({user}, {first}, {last}, {logins}) {source} ON CONFLICT ({user}) DO UPDATE SET "
        f"{first} = {least}({table}.{first}, excluded.{first}), {last} = {greatest}({table}.{last}, excluded.{last}), "
        f"{logins} = {table}.{logins} + excluded.{logins}"
    )
    with connection.cursor() as cursor:
        if is_postgres:
            cursor.execute(statement, [keys, *(list(column) for column in list(zip(*rows, strict=True))[1:])])
        else:
            stored = connection.ops.adapt_datetimefield_value
            cursor.executemany(
                statement,
                [(key, stored(row[1]), stored(row[2]), row[3]) for key, row in zip(keys, rows, strict=True)],
            )
