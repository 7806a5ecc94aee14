"""Measures the dashboard on the server as the log grows, against computing the figures from the raw events.

    python -m benchmarks.dashboard [--events 100000 1000000 10000000]

Needs nothing: brings its own PostgreSQL and Valkey. Times are medians.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cortex.embedded.postgres import EmbeddedPostgres
from cortex.embedded.valkey import EmbeddedValkey

TIMES = 15
PRESETS = ("1d", "7d", "30d", "90d", "365d")
TAIL = 900
OPEN_SESSIONS = 100_000
# One account in twelve logs in no more, as a user of no login.
ACCOUNTS = """
INSERT INTO users (email, password, first_name, last_name, role, status, is_staff, is_active, is_superuser, created_at,
    updated_at)
SELECT 'u' || n || '@example.com', '', '', '', 'user', 'active', false, true, false, now(), now()
FROM generate_series(1, %s * 12 / 11) AS n
"""
SESSIONS = """
INSERT INTO user_sessions (id, user_id, login_method, started_at, last_seen_at, expires_at, end_reason, device_type,
    browser, os)
SELECT gen_random_uuid(), 1 + n %% 40000, 'email', now() - random() * interval '14 days',
    now() - random() * interval '1 day', now() + interval '14 days', '', 'desktop', 'Chrome', 'Linux'
FROM generate_series(1, %s) AS n
"""
# The page's figures from the events themselves, as a dashboard without roll-ups queries them. Two periods of 30 days.
RAW = """
SELECT date_trunc('day', timestamp), success, count(*) FROM login_events
    WHERE timestamp >= now() - interval '60 days' GROUP BY 1, 2;
SELECT extract(isodow FROM timestamp), extract(hour FROM timestamp), success, count(*) FROM login_events
    WHERE timestamp >= now() - interval '30 days' GROUP BY 1, 2, 3;
SELECT success, login_method, failure_reason, device_type, browser, os, count(*) FROM login_events
    WHERE timestamp >= now() - interval '30 days' GROUP BY GROUPING SETS ((success, login_method),
    (success, failure_reason), (success, device_type), (success, browser), (success, os));
SELECT count(DISTINCT user_id) FROM login_events WHERE success AND timestamp >= now() - interval '30 days';
SELECT count(DISTINCT user_id) FROM login_events
    WHERE success AND timestamp >= now() - interval '60 days' AND timestamp < now() - interval '30 days';
SELECT action, count(*) FROM activity_logs WHERE timestamp >= now() - interval '60 days' GROUP BY 1
""".split(";")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    options = parser.parse_args()
    colds = {}
    for events in options.events:
        with tempfile.TemporaryDirectory(prefix="dashboard-") as name:
            folder = Path(name)
            folder.chmod(0o711)
            with EmbeddedPostgres(folder / "postgres") as server, EmbeddedValkey(folder / "valkey") as valkey:
                colds[events] = _in_a_process_of_its_own(events, server.url, valkey.url)
    if len(colds) > 1:
        least, most = min(colds), max(colds)
        show(f"cold at {most:,} / at {least:,}, 30 days", f"{colds[most] / colds[least]:.2f}")


def _in_a_process_of_its_own(events: int, database: str, redis: str) -> float:
    """Runs one size in a separate process, because Django reads its settings once per process."""
    import subprocess

    environment = os.environ | {
        "DATABASE_URL": database,
        "REDIS_URL": redis,
        "DJANGO_SETTINGS_MODULE": "cortex.settings",
        "SECRET_KEY": "for-the-benchmark-only-" + "0" * 40,
    }
    code = f"from benchmarks.dashboard import measure; measure({events})"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    print(done.stdout, end="", flush=True)
    return float(done.stdout.splitlines()[-1].split()[-1])


def show(what: str, figure: str) -> None:
    print(f"{what:72} {figure}", flush=True)


def milliseconds(
    call: Callable[[], Any], *, before: Callable[[], Any] = lambda: None, times: int = TIMES
) -> float:
    taken = []
    for _ in range(times):
        before()
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e3


def measure(events: int) -> None:
    import django
    import psycopg
    from django.core.management import call_command

    django.setup()
    from benchmarks.login_log import fill

    call_command("migrate", verbosity=0)
    print(f"\n{events:,} logins and {events // 5:,} activities over a year, of 50,000 users")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        fill(connection, events, activities=events // 5)
        rolled_up(events)
        connection.execute("ANALYZE")
        cold = reports()
        people()
        pages()
        show("the same figures from the raw events, 30 days, ms", f"{raw(connection):.0f}")
    print(f"cold {cold}")


def rolled_up(events: int) -> None:
    from analytics.models import UserRollup
    from analytics.rollups.logs import COUNTED
    from analytics.rollups.refresh import refresh

    began = time.perf_counter()
    refresh()
    seconds = time.perf_counter() - began
    show("roll-up, events/s in one process", f"{events * 1.2 / seconds:,.0f}")
    tables = [model for log in COUNTED for model in log.rollups]
    show("rows of all roll-ups", f"{sum(model._base_manager.count() for model in tables):,}")
    show("rows of the roll-up by user", f"{UserRollup.objects.count():,}")


def reports() -> float:
    """Returns the cold figure for 30 days."""
    from django.core.cache import caches
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from analytics.filters import Filters
    from analytics.period import period_of
    from analytics.reports import overview

    colds = {}
    for preset in PRESETS:
        for name, filters in (("", Filters()), (", filtered by browser", Filters(browser="Chrome"))):
            period = period_of({"range": preset})

            def call(period: Any = period, filters: Any = filters) -> Any:
                return overview(period, filters)

            colds[preset, name] = cold = milliseconds(call, before=caches["analytics"].clear)
            warm = milliseconds(call)
            caches["analytics"].clear()
            with CaptureQueriesContext(connection) as asked:
                call()
            show(
                f"data of {preset}{name}: cold ms · queries · warm ms",
                f"{cold:.1f} · {len(asked)} · {warm:.1f}",
            )
    return colds["30d", ""]


def people() -> None:
    """Measures the figures by user, with an account for each user of the log and OPEN_SESSIONS open sessions."""
    from django.core.cache import caches
    from django.db import connection

    from analytics.dashboard.people import people as panel
    from analytics.panels import accounts
    from analytics.panels.accounts import Unused
    from analytics.panels.sessions import count_online
    from analytics.period import period_of
    from analytics.reports import active_users
    from analytics.rights import rights_of
    from benchmarks.login_log import USERS
    from cortex.models import User

    with connection.cursor() as cursor:
        cursor.execute(ACCOUNTS, [USERS])
        cursor.execute(SESSIONS, [OPEN_SESSIONS])
        cursor.execute("VACUUM ANALYZE users, user_sessions")
    rights = rights_of(User(is_superuser=True))
    for preset in PRESETS:
        period = period_of({"range": preset})
        show(
            f"active users of {preset}, uncached, ms",
            f"{milliseconds(lambda period=period: active_users(period)):.1f}",
        )
    for what, call in (
        (f"people online of {OPEN_SESSIONS:,} open sessions, ms", count_online),
        (f"numbers of unused accounts of {USERS:,}, ms", accounts._numbers),
        ("a page of accounts never used, ms", lambda: accounts.page_of(Unused.NEVER, after="", most=50)),
        (
            "a page of accounts not used for 90 days, ms",
            lambda: accounts.page_of(Unused.LONG, after="", most=50),
        ),
    ):
        show(what, f"{milliseconds(call):.1f}")
    period = period_of({"range": "28d"})
    cold = milliseconds(lambda: panel(period, rights), before=caches["analytics"].clear)
    show(
        "panel of people: cold ms · warm ms",
        f"{cold:.1f} · {milliseconds(lambda: panel(period, rights)):.1f}",
    )


def pages() -> None:
    from django.conf import settings
    from django.test import Client

    from analytics.filters import Filters
    from analytics.period import period_of
    from analytics.reports import overview
    from analytics.rollups.refresh import refresh
    from cortex.models import User
    from tests.analytics.events import write_logins

    settings.ALLOWED_HOSTS = ["*"]
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com", password="not-used-here"))
    refresh()
    for name in ("", "panels/", "data.json", "system/", "accounts/", "users/1/"):
        show(
            f"whole answer of /admin/analytics/{name}, warm, ms",
            f"{milliseconds(lambda name=name: client.get(f'/admin/analytics/{name}')):.1f}",
        )
    period = period_of({"range": "30d"})
    import datetime as dt

    write_logins(TAIL, start=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1), days=1 / 1440)
    show(
        f"data of 30d with {TAIL} events behind, warm, ms",
        f"{milliseconds(lambda: overview(period, Filters())):.1f}",
    )


def raw(connection: Any) -> float:
    return milliseconds(lambda: [connection.execute(query).fetchall() for query in RAW], times=3)


if __name__ == "__main__":
    sys.path.insert(0, "")
    main()
