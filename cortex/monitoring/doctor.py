"""What a deployment got wrong, looked up in what runs: each finding with what was seen and the way out.

What Django's system checks can tell from the settings alone stands there (`manage.py check --deploy`); this asks the
database, Redis and the queue.
"""

import datetime as dt
import ipaddress
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.core.files.storage import storages
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from redis.exceptions import RedisError

from analytics.dashboard.charts import chart_script
from analytics.models import RollupPosition
from analytics.reports.tail import events_behind
from analytics.rollups.positions import positions
from cortex.monitoring.gauges import failed_tasks, living_workers, waiting_since
from cortex.tasks import QUEUE
from importer.ledger.pooler import pools_transactions
from tracking.models import ActivityLog, LoginEvent
from tracking.storage import spool
from tracking.upkeep.retention import rules

# What the schedule does every minute should not be longer ago than this.
LATE = dt.timedelta(minutes=10)
# Retention runs once a day.
LATE_RETENTION = dt.timedelta(days=2)
EVENTS_BEHIND = 20_000
NEWEST_LOGINS = 200
# More private addresses than these are people in a private network.
MOST_PROXIES = 3
OPEN_TOO_LONG = dt.timedelta(minutes=5)
BACKUP_ROLE = "cortex_backup"  # of deploy/backup, whose session is idle for as long as a dump takes
LEAST_POSTGRES = 150_000


@dataclass(frozen=True, slots=True)
class Finding:
    """`mend`: the command or the line of settings that mends it."""

    what: str
    mend: str


Findings = Iterator[Finding]


def migrations() -> Findings:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        first = missing[0][0]
        yield Finding(
            f"{len(missing)} migrations are not applied, the first is {first}.", "manage.py migrate"
        )


def postgres() -> Findings:
    if connection.vendor != "postgresql":
        yield Finding(f"The database is {connection.vendor}; imports need PostgreSQL.", "Set DATABASE_URL.")
        return
    version = _one("SHOW server_version_num")
    if int(version) < LEAST_POSTGRES:
        yield Finding(
            f"PostgreSQL is {_one('SHOW server_version')}.", "Use 15 or newer; production runs 16 or newer."
        )
    # Which libraries are loaded is a secret to the site's account; what they can be set to is none.
    if not _one("SELECT current_setting('pg_stat_statements.max', true) IS NOT NULL"):
        yield Finding(
            "Slow queries are not counted: pg_stat_statements is not loaded.",
            "Start PostgreSQL with deploy/postgres/postgresql.conf.",
        )
    yield from _open_transactions()


def _open_transactions() -> Findings:
    if not _one("SELECT pg_has_role('pg_read_all_stats', 'USAGE')"):
        role = _one("SELECT quote_ident(current_user)")
        yield Finding(
            f"The role {role} does not see which transactions of others are open.",
            f"psql -c 'GRANT pg_read_all_stats TO {role}'",
        )
        return
    since = timezone.now() - OPEN_TOO_LONG
    query = (
        "SELECT pid, application_name, xact_start FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%' "
        "AND xact_start < %s AND usename <> %s ORDER BY xact_start LIMIT 1"
    )
    for pid, name, began in _rows(query, since, BACKUP_ROLE):
        yield Finding(
            f"A transaction is open and idle since {began:%H:%M:%S} (pid {pid}, {name or 'unnamed'}); "
            "it holds back the roll-ups and VACUUM.",
            f"psql -c 'SELECT pg_terminate_backend({pid})', "
            "and ALTER ROLE … SET idle_in_transaction_session_timeout = '60s'.",
        )


def pooling() -> Findings:
    """https://www.pgbouncer.org/features.html: what transaction pooling does not keep."""
    database: Any = settings.DATABASES["default"]
    if not settings.DATABASE_POOLED:
        if pools_transactions(connection):
            yield Finding(
                "The database is behind a pooler of transactions, and the site does not know it: server-side cursors "
                "and imports fail there.",
                "Set DATABASE_POOLED=true; workers and imports go to PostgreSQL itself.",
            )
        return
    options = database.get("OPTIONS", {})
    if options.get("prepare_threshold") is not None:
        yield Finding(
            f"Statements are prepared (prepare_threshold={options['prepare_threshold']}) through a pooler of "
            "transactions.",
            "Take prepare_threshold out of DATABASES.",
        )
    if not database.get("DISABLE_SERVER_SIDE_CURSORS"):
        yield Finding(
            "Server-side cursors are on through a pooler of transactions, which loses them.",
            "Set DISABLE_SERVER_SIDE_CURSORS in DATABASES.",
        )


def proxies() -> Findings:
    if settings.SECURE_PROXY_SSL_HEADER and not settings.TRACKING["TRUSTED_PROXY_COUNT"]:
        yield Finding(
            "A proxy stands before the site (TRUST_X_FORWARDED_PROTO is on) and none is counted, so that every login "
            "has the proxy's address.",
            "Set TRUSTED_PROXY_COUNT to the number of your proxies.",
        )
        return
    newest = LoginEvent.objects.order_by("-timestamp", "-id").values_list("ip_address", flat=True)
    addresses = Counter(address for address in newest[:NEWEST_LOGINS] if address)
    if addresses.total() < NEWEST_LOGINS // 4 or len(addresses) > MOST_PROXIES:
        return
    if all(ipaddress.ip_address(address).is_private for address in addresses):
        yield Finding(
            f"All of the newest {addresses.total()} logins came from {', '.join(sorted(addresses))}: proxies of your "
            "own, it seems.",
            "Set TRUSTED_PROXY_COUNT to the number of your proxies; `manage.py tracking_doctor` helps. What stands "
            "before the nginx of deploy/ is named in its nginx.conf instead (set_real_ip_from).",
        )


def redis() -> Findings:
    for alias in ("default", "sessions"):
        client = _redis_of(alias)
        if client is None:
            yield Finding(
                f'The cache "{alias}" is one of each process ({type(caches[alias]).__name__}).',
                "Set REDIS_URL.",
            )
            continue
        try:
            found = client.info("memory")
        except RedisError as error:
            yield Finding(
                f'The Redis of "{alias}" does not answer: {error}', "See /readyz, and the log of Redis."
            )
            continue
        yield from _memory(alias, found)


def _memory(alias: str, found: dict[str, Any]) -> Findings:
    policy, most = found.get("maxmemory_policy", ""), found.get("maxmemory", 0)
    # Those of "volatile-…" as well: every session has a time at which it ends.
    if alias == "sessions" and policy != "noeviction":
        yield Finding(
            f"The Redis of the sessions evicts them when it is full (maxmemory-policy {policy}), and their people are "
            "logged out.",
            "Give sessions a Redis of their own with deploy/redis/sessions.conf (SESSIONS_REDIS_URL).",
        )
    if alias == "default" and not most:
        yield Finding(
            "The Redis of the cache has no bound (maxmemory 0), and grows until the machine is full.",
            "Start it with deploy/redis/cache.conf (maxmemory 512mb, allkeys-lru).",
        )


def retention() -> Findings:
    for rule in rules():
        name = str(rule.model._meta.verbose_name_plural)
        if rule.days is None:
            yield Finding(f"{name.capitalize()} are kept for ever.", "Set KEEP_EVENTS_DAYS.")
            continue
        rows: Any = rule.model._base_manager.filter(rule.only).order_by(rule.moment)
        oldest = rows.values_list(rule.moment, flat=True).first()
        if oldest and timezone.now() - oldest > dt.timedelta(days=rule.days) + LATE_RETENTION:
            yield Finding(
                f"The oldest of the {name} is from {oldest:%Y-%m-%d}, and is to be kept for {rule.days} days only.",
                "manage.py prune_events, every day (a worker does it).",
            )


def rollups() -> Findings:
    behind = events_behind(positions())
    advanced = list(RollupPosition.objects.values_list("advanced_at", flat=True))
    is_late = not advanced or any(at is None or timezone.now() - at > LATE for at in advanced)
    if behind > EVENTS_BEHIND or (behind and is_late):
        yield Finding(
            f"The roll-ups are {behind:,} events behind the logs.",
            "manage.py refresh_rollups, every minute (a worker does it).",
        )


def object_store() -> Findings:
    """Where what people upload is kept, if that is a bucket."""
    storage: Any = storages["default"]
    name = getattr(storage, "bucket_name", None)
    if name is None:
        return
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        storage.connection.meta.client.head_bucket(Bucket=name)
    except (BotoCoreError, ClientError, ValueError) as error:
        yield Finding(
            f'The bucket "{name}" cannot be asked: {error}',
            "manage.py make_bucket, or mend S3_ENDPOINT_URL, S3_ACCESS_KEY and S3_SECRET_KEY. In the stack the service "
            "`migrate` alone has the key that makes buckets.",
        )


def spooled_events() -> Findings:
    if not spool.is_empty():
        yield Finding(
            "Events wait in the spool of this machine for the database to take them.",
            "manage.py drain_events --once",
        )


def workers() -> Findings:
    if not living_workers().exists():
        yield Finding(
            "No worker runs: nothing is done by the clock or in the background.",
            "manage.py procrastinate worker",
        )
    # Each worker puts the clock's tasks into the queue; whether one takes them out is another question.
    elif (since := waiting_since().get(QUEUE)) and timezone.now() - since > LATE:
        yield Finding(
            f"Tasks of the clock wait since {since:%H:%M:%S} UTC: the workers have other queues, or other work.",
            f"manage.py procrastinate worker --queues {QUEUE}",
        )
    if failed := failed_tasks().count():
        yield Finding(
            f"{failed} {'task has' if failed == 1 else 'tasks have'} failed within a day.",
            "Look at them in the admin, under procrastinate jobs.",
        )


def charts() -> Findings:
    if chart_script() is None:
        yield Finding(
            "Chart.js is not built, so the dashboard shows tables alone.", "make charts, then collectstatic"
        )


def activity_of_nobody() -> Findings:
    newest = list(ActivityLog.objects.order_by("-timestamp").values_list("user", flat=True)[:NEWEST_LOGINS])
    if len(newest) >= NEWEST_LOGINS // 4 and not any(newest):
        yield Finding(
            f"None of the newest {len(newest)} activities has a user.",
            "Put TrackingMiddleware after AuthenticationMiddleware, or pass user= to log_activity.",
        )


EXAMINATIONS: tuple[Callable[[], Findings], ...] = (
    migrations, postgres, pooling, redis, object_store, workers, rollups, retention, spooled_events, proxies,
    activity_of_nobody, charts,
)  # fmt: skip


def examine() -> Iterator[tuple[str, list[Finding]]]:
    """Each examination by its name, with what it found. One that cannot be made is a finding itself."""
    for examination in EXAMINATIONS:
        name = examination.__name__.replace("_", " ")
        try:
            yield name, list(examination())
        except DatabaseError as error:
            line = (str(error).splitlines() or [type(error).__name__])[0]
            yield name, [Finding(f"The database refuses: {line}", "manage.py migrate, or mend what it says.")]


def _redis_of(alias: str) -> Any:
    client = getattr(caches[alias], "client", None)
    return None if client is None else client.get_client()


def _one(query: str) -> Any:
    return _rows(query)[0][0]


def _rows(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        return list(cursor.fetchall())
