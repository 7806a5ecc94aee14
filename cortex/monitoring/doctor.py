"""Examines a running deployment and reports each problem with its fix.

It asks the database, Redis, the object store and the queue. `manage.py check --deploy` checks the settings alone.
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

from analytics.models import RollupPosition
from analytics.reports.tail import events_behind
from analytics.rollups.positions import positions
from cortex.monitoring.gauges import failed_tasks, living_workers, waiting_since
from cortex.one_line import first_line
from cortex.tasks import QUEUE
from importer.ledger.pooler import pools_transactions
from tracking.models import ActivityLog, LoginEvent
from tracking.storage import spool
from tracking.upkeep.retention import rules

# Tasks that run every minute should have run within this time.
LATE = dt.timedelta(minutes=10)
# Retention runs once a day.
LATE_RETENTION = dt.timedelta(days=2)
EVENTS_BEHIND = 20_000
NEWEST_LOGINS = 200
# More different private addresses than this belong to people in a private network.
MOST_PROXIES = 3
OPEN_TOO_LONG = dt.timedelta(minutes=5)
BACKUP_ROLE = "cortex_backup"  # the role of deploy/backup, whose session is idle while a dump runs
LEAST_POSTGRES = 150_000


@dataclass(frozen=True, slots=True)
class Finding:
    """`fix`: the command or the setting that fixes it."""

    what: str
    fix: str


Findings = Iterator[Finding]


def migrations() -> Findings:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        first = missing[0][0]
        yield Finding(
            f"{len(missing)} migrations are not applied; the first is {first}.", "manage.py migrate"
        )


def postgres() -> Findings:
    if connection.vendor != "postgresql":
        yield Finding(
            f'The database is "{connection.vendor}"; imports need PostgreSQL.',
            "Set DATABASE_URL to a PostgreSQL database.",
        )
        return
    version = _one("SHOW server_version_num")
    if int(version) < LEAST_POSTGRES:
        yield Finding(
            f"PostgreSQL {_one('SHOW server_version')} is too old.",
            "Use 15 or newer; 16 or newer in production.",
        )
    # The site's role may not read which libraries are loaded, but their settings are not secret.
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
            f"The role {role} cannot see the open transactions of other roles.",
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
            f"An idle transaction is open since {began:%H:%M:%S} (pid {pid}, {name or 'unnamed'}); "
            "it blocks the roll-ups and VACUUM.",
            f"psql -c 'SELECT pg_terminate_backend({pid})', "
            "and ALTER ROLE … SET idle_in_transaction_session_timeout = '60s'.",
        )


def pooling() -> Findings:
    """Finds features that a transaction pooler does not support: https://www.pgbouncer.org/features.html"""
    database: Any = settings.DATABASES["default"]
    if not settings.DATABASE_POOLED:
        if pools_transactions(connection):
            yield Finding(
                "The database is behind a transaction pooler, but DATABASE_POOLED is off: server-side cursors and "
                "imports fail.",
                "Set DATABASE_POOLED=true, and connect workers and imports to PostgreSQL directly.",
            )
        return
    options = database.get("OPTIONS", {})
    if options.get("prepare_threshold") is not None:
        yield Finding(
            f"Statements are prepared (prepare_threshold={options['prepare_threshold']}) through a transaction "
            "pooler, which does not support them.",
            "Remove prepare_threshold from DATABASES.",
        )
    if not database.get("DISABLE_SERVER_SIDE_CURSORS"):
        yield Finding(
            "Server-side cursors are on, but the transaction pooler does not support them.",
            "Set DISABLE_SERVER_SIDE_CURSORS in DATABASES.",
        )


def proxies() -> Findings:
    if settings.SECURE_PROXY_SSL_HEADER and not settings.TRACKING["TRUSTED_PROXY_COUNT"]:
        yield Finding(
            "The site is behind a proxy (TRUST_X_FORWARDED_PROTO is on), but TRUSTED_PROXY_COUNT is 0, so every login "
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
            f"All of the latest {addresses.total()} logins came from {', '.join(sorted(addresses))}, which are "
            "probably your own proxies.",
            "Set TRUSTED_PROXY_COUNT to the number of your proxies; `manage.py tracking_doctor` helps. For proxies in "
            "front of the nginx of deploy/, set set_real_ip_from in its nginx.conf instead.",
        )


def redis() -> Findings:
    for alias in ("default", "sessions"):
        client = _redis_of(alias)
        if client is None:
            yield Finding(
                f'The cache "{alias}" is not shared between processes ({type(caches[alias]).__name__}).',
                "Set REDIS_URL.",
            )
            continue
        try:
            memory_info = client.info("memory")
        except RedisError as error:
            yield Finding(
                f'The Redis of "{alias}" does not answer: {error}', "See /readyz and the log of Redis."
            )
            continue
        yield from _memory(alias, memory_info)


def _memory(alias: str, memory_info: dict[str, Any]) -> Findings:
    policy, limit = memory_info.get("maxmemory_policy", ""), memory_info.get("maxmemory", 0)
    # Also with "volatile-…": every session has an expiry.
    if alias == "sessions" and policy != "noeviction":
        yield Finding(
            f"The Redis of the sessions evicts them when it is full (maxmemory-policy {policy}), which signs people "
            "out.",
            "Give sessions their own Redis with deploy/redis/sessions.conf (SESSIONS_REDIS_URL).",
        )
    if alias == "default" and not limit:
        yield Finding(
            "The Redis of the cache has no memory limit (maxmemory 0), and grows until the machine's memory is full.",
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
                f"The oldest of the {name} is from {oldest:%Y-%m-%d}, but the limit is {rule.days} days.",
                "Run manage.py prune_events every day (a worker does).",
            )


def rollups() -> Findings:
    behind = events_behind(positions())
    advanced = list(RollupPosition.objects.values_list("advanced_at", flat=True))
    is_late = not advanced or any(at is None or timezone.now() - at > LATE for at in advanced)
    if behind > EVENTS_BEHIND or (behind and is_late):
        yield Finding(
            f"The roll-ups are {behind:,} events behind the logs.",
            "Run manage.py refresh_rollups every minute (a worker does).",
        )


def object_store() -> Findings:
    """Checks the bucket of uploads, if they are in one."""
    storage: Any = storages["default"]
    name = getattr(storage, "bucket_name", None)
    if name is None:
        return
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        storage.connection.meta.client.head_bucket(Bucket=name)
    except (BotoCoreError, ClientError, ValueError) as error:
        yield Finding(
            f'The bucket "{name}" is not available: {error}',
            "Run manage.py make_bucket, or fix S3_ENDPOINT_URL, S3_ACCESS_KEY and S3_SECRET_KEY. In the stack, only "
            "the service `migrate` has the key that may create buckets.",
        )


def spooled_events() -> Findings:
    if not spool.is_empty():
        yield Finding(
            "Events in this machine's spool are not in the database yet.",
            "manage.py drain_events --once",
        )


def workers() -> Findings:
    if not living_workers().exists():
        yield Finding(
            "No worker runs: scheduled and background tasks do not run.",
            "manage.py procrastinate worker",
        )
    # Every worker puts scheduled tasks into the queue, but only workers of that queue run them.
    elif (since := waiting_since().get(QUEUE)) and timezone.now() - since > LATE:
        yield Finding(
            f"Scheduled tasks have been waiting since {since:%H:%M:%S} UTC: workers are busy or serve other queues.",
            f"manage.py procrastinate worker --queues {QUEUE}",
        )
    if failed := failed_tasks().count():
        yield Finding(
            f"{failed} {'task has' if failed == 1 else 'tasks have'} failed in the last 24 hours.",
            "See them in the admin, under procrastinate jobs.",
        )


def activity_of_nobody() -> Findings:
    newest = list(ActivityLog.objects.order_by("-timestamp").values_list("user", flat=True)[:NEWEST_LOGINS])
    if len(newest) >= NEWEST_LOGINS // 4 and not any(newest):
        yield Finding(
            f"None of the latest {len(newest)} activities has a user.",
            "Put TrackingMiddleware after AuthenticationMiddleware, or pass user= to log_activity.",
        )


EXAMINATIONS: tuple[Callable[[], Findings], ...] = (
    migrations, postgres, pooling, redis, object_store, workers, rollups, retention, spooled_events, proxies,
    activity_of_nobody,
)  # fmt: skip


def examine() -> Iterator[tuple[str, list[Finding]]]:
    """Yields (name, findings) of each examination. A database error is a finding itself."""
    for examination in EXAMINATIONS:
        name = examination.__name__.replace("_", " ")
        try:
            yield name, list(examination())
        except DatabaseError as error:
            finding = Finding(
                f"The database reports an error: {first_line(error)}",
                "Run manage.py migrate, or fix this error.",
            )
            yield name, [finding]


def _redis_of(alias: str) -> Any:
    client = getattr(caches[alias], "client", None)
    return None if client is None else client.get_client()


def _one(query: str) -> Any:
    return _rows(query)[0][0]


def _rows(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        return list(cursor.fetchall())
