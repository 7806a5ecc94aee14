"""Writes a year of logins and activities for the benchmarks, by COPY."""

import datetime as dt
import random
import uuid
from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

COLUMNS = {
    "login_events": (
        "uuid", "timestamp", "user_id", "identifier", "login_method", "success", "failure_reason", "device_type",
        "browser", "os", "ip_address", "user_agent", "evidence",
    ),
    "activity_logs": ("uuid", "timestamp", "user_id", "action", "entity_type", "entity_id", "metadata"),
}  # fmt: skip
METHODS = {"email": 50, "google": 20, "okta_saml": 15, "okta_oauth": 5, "keycloak": 10}
REASONS = {"bad_password": 60, "unknown_user": 25, "inactive": 5, "mfa_failed": 5, "saml_invalid": 5}
DEVICES = {"desktop": 60, "mobile": 30, "tablet": 7, "bot": 2, "other": 1}
BROWSERS = {
    "Chrome": 50, "Safari": 20, "Edge": 12, "Firefox": 8, "Chrome Mobile": 4, "Mobile Safari": 3, "Opera": 1,
    "Samsung Internet": 1, "curl": 1,
}  # fmt: skip
SYSTEMS = {"Windows": 50, "Mac OS X": 20, "Linux": 5, "iOS": 13, "Android": 11, "Chrome OS": 1}
ACTIONS = ("pov.opened", "pov.updated", "trr.submitted", "report.exported", "file.uploaded")
USERS = 50_000
DAYS = 365


def fill(connection: Any, logins: int, *, activities: int) -> None:
    """`connection` is psycopg's. Secondary indexes are created after the rows, as usual."""
    now = dt.datetime.now(dt.UTC)
    for table, number, rows in (
        ("login_events", logins, login_rows),
        ("activity_logs", activities, activity_rows),
    ):
        definitions = _drop_indexes(connection, table)
        statement = f"COPY {table} ({', '.join(COLUMNS[table])}) FROM STDIN"
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows(random.Random(number), number, now):
                copy.write(row)
        for definition in definitions:
            connection.execute(definition)
        connection.execute(f"VACUUM ANALYZE {table}")


def _drop_indexes(connection: Any, table: str) -> list[str]:
    found = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexdef NOT LIKE '%%UNIQUE%%'",
        [table],
    ).fetchall()
    for name, _ in found:
        connection.execute(f'DROP INDEX "{name}"')
    return [definition for _, definition in found]


def login_rows(randomness: random.Random, number: int, now: dt.datetime) -> Iterator[str]:
    """Yields rows in order of time, as in a log. All other columns are independent, for the largest possible cube."""
    method, reason, device, browser, system = (
        _chooser(randomness, weights) for weights in (METHODS, REASONS, DEVICES, BROWSERS, SYSTEMS)
    )
    for position in range(number):
        failed = randomness.random() < 0.06
        user = randomness.randrange(1, USERS)
        yield (
            f"{_uuid(randomness)}\t{_moment(position, number, now)}\t{user}\tu{user}@example.com\t{method()}\t"
            f"{'f' if failed else 't'}\t{reason() if failed else ''}\t{device()}\t{browser()}\t{system()}\t"
            f"10.{user >> 8 & 255}.{user & 255}.7\tMozilla/5.0\t{{}}\n"
        )


def activity_rows(randomness: random.Random, number: int, now: dt.datetime) -> Iterator[str]:
    for position in range(number):
        action = ACTIONS[int(randomness.random() ** 2 * len(ACTIONS))]
        yield (
            f"{_uuid(randomness)}\t{_moment(position, number, now)}\t{randomness.randrange(1, USERS)}\t{action}\t"
            f"cortex.pov\t{randomness.randrange(5_000)}\t{{}}\n"
        )


def _moment(position: int, number: int, now: dt.datetime) -> str:
    return (now - dt.timedelta(days=DAYS) * (1 - (position + 1) / number)).isoformat()


def _uuid(randomness: random.Random) -> uuid.UUID:
    return uuid.UUID(int=randomness.getrandbits(128), version=4)


def _chooser(randomness: random.Random, weights: dict[str, int]) -> Any:
    values, bounds = list(weights), list(accumulate(weights.values()))
    return lambda: values[bisect(bounds, randomness.random() * bounds[-1])]
