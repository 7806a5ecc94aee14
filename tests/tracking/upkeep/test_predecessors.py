"""Tests that events of other packages are imported once, from tables as those packages create them."""

import datetime as dt
import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection

from tracking.models import ActivityLog, LoginEvent, UserSession

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
MORNING = dt.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=dt.UTC)
# Columns as the packages' own migrations create them (django-axes 8.3, django-easy-audit 1.3, django-user-sessions 2.0,
# dj-user-login-history 1.0).
TABLES = {
    "axes_accesslog": "id bigint, user_agent varchar(255), ip_address inet, username varchar(255), http_accept "
    "varchar(1025), path_info varchar(255), attempt_time timestamptz, logout_time timestamptz, session_hash "
    "varchar(64)",
    "axes_accessfailurelog": "id bigint, user_agent varchar(255), ip_address inet, username varchar(255), http_accept "
    "varchar(1025), path_info varchar(255), attempt_time timestamptz, locked_out boolean",
    "easyaudit_loginevent": "id bigint, login_type smallint, username varchar(255), user_id bigint, remote_ip "
    "varchar(50), datetime timestamptz",
    "easyaudit_crudevent": "id bigint, event_type smallint, object_id varchar(255), content_type_id bigint, "
    "object_repr text, object_json_repr text, changed_fields text, user_id bigint, user_pk_as_string varchar(255), "
    "datetime timestamptz",
    "user_sessions_session": "session_key varchar(40), session_data text, expire_date timestamptz, user_id bigint, "
    "user_agent varchar(200), last_activity timestamptz, ip inet",
    "login_history_loginhistory": "id bigint, user_id bigint, ip varchar(39), user_agent text, date_time timestamptz, "
    "is_login boolean, is_logged_in boolean",
}


@pytest.fixture(autouse=True)
def tables(db: None) -> Iterator[None]:
    with connection.cursor() as cursor:
        for name, columns in TABLES.items():
            cursor.execute(f"CREATE TABLE {name} ({columns})")
    return


def insert(table: str, **values: Any) -> None:
    with connection.cursor() as cursor:
        places = ", ".join(["%s"] * len(values))
        cursor.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", list(values.values()))


def take_over(source: str) -> str:
    out = io.StringIO()
    call_command("tracking_import", f"--from={source}", stdout=out)
    return out.getvalue()


@pytest.fixture
def ann(db: None) -> Any:
    return get_user_model().objects.create_user("ann@example.com", "x")


def test_axes(ann: Any) -> None:
    common = {"user_agent": FIREFOX, "ip_address": "203.0.113.9", "attempt_time": MORNING}
    insert("axes_accesslog", id=1, username="ann@example.com", **common)
    insert("axes_accessfailurelog", id=1, username="ann@example.com", locked_out=False, **common)
    insert("axes_accessfailurelog", id=2, username="stranger", locked_out=True, **common)

    assert "axes_accesslog: imported 1 rows" in take_over("axes")
    assert "axes_accessfailurelog: imported 0 rows, 2 were already present" in take_over("axes")

    success = LoginEvent.objects.get(success=True)
    assert (success.user, success.timestamp, success.browser, success.os) == (
        ann,
        MORNING,
        "Firefox",
        "Linux",
    )
    assert success.ip_address == "203.0.113.9"
    failures = LoginEvent.objects.filter(success=False).order_by("failure_reason")
    assert [event.failure_reason for event in failures] == ["bad_password", "locked"]
    assert failures[1].identifier.startswith("hmac:")


def test_easyaudit(ann: Any) -> None:
    for number, kind in enumerate((0, 1, 2)):
        insert(
            "easyaudit_loginevent",
            id=number,
            login_type=kind,
            username="ann@example.com",
            user_id=ann.pk if kind != 2 else None,
            remote_ip="203.0.113.9",
            datetime=MORNING,
        )
    kind = ContentType.objects.get_for_model(ann)
    insert(
        "easyaudit_crudevent",
        id=1,
        event_type=2,
        object_id=str(ann.pk),
        content_type_id=kind.pk,
        object_repr="Ann",
        user_id=ann.pk,
        datetime=MORNING,
    )

    take_over("easyaudit")

    assert sorted(LoginEvent.objects.values_list("success", "user")) == [(False, ann.pk), (True, ann.pk)]
    activity = ActivityLog.objects.get()
    assert (activity.action, activity.entity_type, activity.entity_id) == (
        "updated",
        "cortex.user",
        str(ann.pk),
    )


def test_user_sessions(ann: Any) -> None:
    common = {"user_agent": FIREFOX, "ip": "203.0.113.9", "session_data": ""}
    for key, user_id in (("k" * 32, ann.pk), ("anonymous", None)):
        insert(
            "user_sessions_session",
            session_key=key,
            user_id=user_id,
            last_activity=MORNING,
            expire_date=MORNING + dt.timedelta(days=14),
            **common,
        )

    take_over("user_sessions")
    take_over("user_sessions")

    session = UserSession.objects.get()
    assert (session.user, session.started_at, session.browser) == (ann, MORNING, "Firefox")
    assert "kkkk" not in str(UserSession.objects.values().get())


def test_login_history(ann: Any) -> None:
    for number, is_login in enumerate((True, False, None)):
        insert(
            "login_history_loginhistory",
            id=number,
            user_id=ann.pk,
            ip="",
            user_agent=FIREFOX,
            date_time=MORNING,
            is_login=is_login,
        )

    take_over("login_history")

    assert LoginEvent.objects.filter(success=True, user=ann, ip_address=None).count() == 2


def test_a_table_that_is_not_there_is_said_in_one_line() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE user_sessions_session")

    with pytest.raises(CommandError, match='^Found no table of "user_sessions" in the database: looked for '):
        take_over("user_sessions")
