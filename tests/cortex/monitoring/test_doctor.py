"""`stack_doctor`: each finding on real services."""

import datetime as dt
import uuid
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from botocore.config import Config
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from cortex import tasks
from cortex.monitoring import doctor
from cortex.monitoring.doctor import Finding
from tests.analytics.events import login_event
from tracking.models import ActivityLog, LoginEvent

pytestmark = pytest.mark.django_db
NOW = dt.datetime.now(dt.UTC)


def whats(examination: Any) -> list[str]:
    return [finding.what for finding in examination()]


def test_it_names_each_examination_and_ends_with_1_where_there_is_something_to_fix() -> None:
    output = StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("stack_doctor", stdout=output)

    assert ended.value.code == 1
    lines = output.getvalue()
    assert "ok  migrations" in lines
    assert "!!  workers: No worker runs" in lines
    assert "→ manage.py procrastinate worker" in lines
    assert "problems." in lines


def test_events_that_are_not_rolled_up() -> None:
    LoginEvent.objects.bulk_create([login_event(NOW) for _ in range(3)])
    (finding,) = doctor.rollups()
    assert finding == Finding(
        "The roll-ups are 3 events behind the logs.",
        "Run manage.py refresh_rollups every minute (a worker does).",
    )

    call_command("refresh_rollups", stdout=StringIO())

    assert whats(doctor.rollups) == []


def test_retention_that_does_not_run() -> None:
    LoginEvent.objects.bulk_create([login_event(NOW - dt.timedelta(days=500))])
    assert any("but the limit is 400 days" in what for what in whats(doctor.retention))

    call_command("prune_events", stdout=StringIO())

    assert whats(doctor.retention) == []
    with override_settings(TRACKING={"ACTIVITY_DAYS": None}):
        assert whats(doctor.retention) == ["Activities are kept for ever."]


def test_a_proxy_that_is_not_counted() -> None:
    LoginEvent.objects.bulk_create([login_event(NOW, ip_address="10.0.0.5") for _ in range(60)])
    assert whats(doctor.proxies) == [
        "All of the latest 60 logins came from 10.0.0.5, which are probably your own proxies."
    ]

    LoginEvent.objects.bulk_create([login_event(NOW, ip_address="10.0.0.6")])
    assert "came from 10.0.0.5, 10.0.0.6, which are" in whats(doctor.proxies)[0]

    LoginEvent.objects.bulk_create([login_event(NOW, ip_address="9.9.9.9")])

    assert whats(doctor.proxies) == []


def test_a_proxy_that_speaks_of_https_and_is_not_counted(settings: Any) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.TRACKING = settings.TRACKING | {"TRUSTED_PROXY_COUNT": 0}
    (finding,) = doctor.proxies()
    assert finding.fix == "Set TRUSTED_PROXY_COUNT to the number of your proxies."

    settings.TRACKING = settings.TRACKING | {"TRUSTED_PROXY_COUNT": 1}

    assert whats(doctor.proxies) == []


def test_a_role_that_does_not_see_the_transactions_of_others() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE blind")
        cursor.execute("SET LOCAL ROLE blind")
        finding = list(doctor.postgres())[-1]
        cursor.execute("RESET ROLE")
        assert finding.what == "The role blind cannot see the open transactions of other roles."

        cursor.execute("GRANT pg_read_all_stats TO blind")
        cursor.execute("SET LOCAL ROLE blind")

        assert finding not in list(doctor.postgres())


def test_a_transaction_that_is_open_and_idle_unless_it_is_a_backup_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OPEN_TOO_LONG", dt.timedelta(0))
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT current_user")
            (role,) = cursor.fetchone() or ("",)
        found = "".join(whats(doctor.postgres))
        monkeypatch.setattr(doctor, "BACKUP_ROLE", role)
        excused = "".join(whats(doctor.postgres))
    finally:
        other.close()

    assert "An idle transaction is open since" in found
    assert "idle transaction" not in excused


def test_tasks_that_no_worker_takes_and_tasks_that_failed() -> None:
    tasks.refresh_rollups.defer(timestamp=0)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())")
        assert whats(doctor.workers) == []
        cursor.execute("UPDATE procrastinate_events SET at = now() - interval '11 minutes'")
        (finding,) = doctor.workers()
        assert "Scheduled tasks have been waiting since" in finding.what
        assert finding.fix == "manage.py procrastinate worker --queues schedule"

        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed'")
        assert whats(doctor.workers) == ["1 task has failed in the last 24 hours."]
        cursor.execute("UPDATE procrastinate_events SET at = now() - interval '25 hours'")
        assert whats(doctor.workers) == []


def test_a_bucket_that_cannot_be_asked(settings: Any) -> None:
    assert whats(doctor.object_store) == []
    options = {
        "bucket_name": "cortex", "access_key": "x", "secret_key": "y", "endpoint_url": "http://127.0.0.1:9",
        "client_config": Config(retries={"total_max_attempts": 1}),
    }  # fmt: skip
    settings.STORAGES |= {"default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}}

    (finding,) = doctor.object_store()

    assert finding.what.startswith('The bucket "cortex" is not available: Could not connect')
    assert finding.fix.startswith("Run manage.py make_bucket, or fix S3_ENDPOINT_URL")


def test_activities_without_users() -> None:
    rows = [ActivityLog(uuid=uuid.uuid4(), action="seen") for _ in range(60)]
    ActivityLog.objects.bulk_create(rows)

    assert whats(doctor.activity_of_nobody) == ["None of the latest 60 activities has a user."]


@override_settings(DATABASE_POOLED=True)
def test_what_a_pooler_of_transactions_does_not_keep(settings: Any) -> None:
    settings.DATABASES["default"].pop("DISABLE_SERVER_SIDE_CURSORS", None)
    assert "Server-side cursors" in whats(doctor.pooling)[0]

    settings.DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True

    assert whats(doctor.pooling) == []


@pytest.fixture
def policy() -> Iterator[Any]:
    """Sets options of the test run's own server, and restores them afterwards."""
    redis = caches["default"].client.get_client()  # type: ignore[attr-defined]
    before = redis.config_get("maxmemory*")
    yield redis.config_set
    for name in ("maxmemory", "maxmemory-policy"):
        redis.config_set(name, before[name])


@pytest.mark.alone
def test_a_redis_that_pushes_sessions_out_or_has_no_bound(policy: Any) -> None:
    policy("maxmemory", 0)
    policy("maxmemory-policy", "allkeys-lru")
    assert [what.split(" (")[0] for what in whats(doctor.redis)] == [
        "The Redis of the cache has no memory limit",
        "The Redis of the sessions evicts them when it is full",
    ]

    policy("maxmemory", "512mb")
    policy("maxmemory-policy", "volatile-lru")
    assert [what.split(" (")[0] for what in whats(doctor.redis)] == [
        "The Redis of the sessions evicts them when it is full"
    ]

    policy("maxmemory-policy", "noeviction")

    assert whats(doctor.redis) == []


def test_a_table_that_is_missing_is_told_in_a_line() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE rollup_positions RENAME TO rollup_positions_elsewhere")

    found = dict(doctor.examine())["rollups"]

    assert 'relation "rollup_positions" does not exist' in found[0].what
