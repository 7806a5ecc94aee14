"""Sends a list of requests to a host site, and prints what each of them cost and answered as JSON.

`test_guest.py` runs it with and without tracking, in a process of its own each.
"""

import datetime as dt
import json
import os
import re
import sys
from typing import Any

import django
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext, setup_test_environment

PASSWORD = "correct horse battery staple"
ROWS = 300
LOGIN = {"username": "ann@example.com", "password": PASSWORD}
# Name, method, address, data. The async views are those of the same names.
REQUESTS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("a page", "get", "/page/", {}),
    ("a page with an invented cookie", "get", "/page/", {"cookie": "sessionid=invented"}),
    ("the login page", "get", "/login/", {}),
    ("a wrong password", "post", "/login/", LOGIN | {"password": "wrong"}),
    ("nobody's name", "post", "/login/", LOGIN | {"username": "nobody"}),
    ("a login", "post", "/login/", LOGIN),
    ("a page afterwards", "get", "/page/", {}),
    ("who am I", "get", "/who/", {}),
    ("who am I, again", "get", "/who/", {}),
    ("the admin's list of users", "get", "/admin/auth/user/", {}),
    ("a user is saved in the admin", "post", "/admin/auth/group/add/", {"name": "a group"}),
    ("a new password", "post", "/password/", {"password": PASSWORD}),
    ("an error after a login", "post", "/failing-login/", LOGIN),
    ("nothing there", "get", "/nowhere/", {}),
    ("a logout", "post", "/logout/", {}),
]


def main() -> None:
    django.setup()
    setup_test_environment()
    call_command("migrate", verbosity=0)
    from django.contrib.auth import get_user_model

    get_user_model().objects.create_superuser("ann@example.com", "ann@example.com", PASSWORD)
    answers = {
        "sync": [sent(Client(raise_request_exception=False), *request) for request in once()],
        "async": [
            sent(AsyncClient(raise_request_exception=False), *request) for request in once(is_async=True)
        ],
        "deletes": deletes(),
    }
    json.dump(answers, sys.stdout)


CLIENTS: dict[bool, Any] = {}


def once(*, is_async: bool = False) -> list[tuple[str, str, str, dict[str, Any]]]:
    CLIENTS.clear()
    has_async = ("/page/", "/login/", "/logout/")
    return [
        (name, method, f"/async{path}" if is_async and path in has_async and method == "post" else path, data)
        for name, method, path, data in REQUESTS
    ]


def sent(fresh: Any, name: str, method: str, path: str, data: dict[str, Any]) -> dict[str, Any]:
    client = CLIENTS.setdefault(isinstance(fresh, AsyncClient), fresh)
    data = dict(data)
    cookie = data.pop("cookie", "")
    headers = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    if cookie:
        headers["cookie"] = cookie
    with CaptureQueriesContext(connection) as queries:
        call = getattr(client, method)
        call = async_to_sync(call) if isinstance(client, AsyncClient) else call
        answer = call(path, data or None, headers=headers)
    return {
        "name": name,
        "status": answer.status_code,
        "statements": [shape(query["sql"]) for query in queries],
        "headers": sorted(key for key in answer.headers),
        "vary": answer.headers.get("Vary", ""),
        "cookies": {key: attributes(morsel) for key, morsel in sorted(answer.cookies.items())},
    }


def attributes(morsel: Any) -> dict[str, Any]:
    return {key: morsel[key] for key in ("path", "domain", "secure", "httponly", "samesite", "max-age")}


def shape(sql: str) -> str:
    """Return a statement without its values."""
    return re.sub(r"'[^']*'|\b\d+\b|%s", "?", sql)


def deletes() -> list[dict[str, Any]]:
    """Delete many rows of tables of the host, as its own code would."""
    from django.contrib.admin.models import LogEntry
    from django.contrib.auth.models import Group, User
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    past = timezone.now() - dt.timedelta(days=1)
    Session.objects.bulk_create(
        Session(session_key=f"{n:032}", session_data="", expire_date=past) for n in range(ROWS)
    )
    Group.objects.bulk_create(Group(name=f"group {n}") for n in range(ROWS))
    User.objects.bulk_create(User(username=f"user {n}") for n in range(5))
    calls: dict[str, Any] = {
        "clearsessions": lambda: call_command("clearsessions"),
        "log entries": lambda: LogEntry.objects.all().delete(),
        "groups": lambda: Group.objects.all().delete(),
        "users": lambda: User.objects.filter(username__startswith="user ").delete(),
    }
    found = []
    for name, call in calls.items():
        with CaptureQueriesContext(connection) as queries:
            call()
        found.append({"name": name, "statements": [shape(query["sql"]) for query in queries]})
    return found


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.tracking.hosts.plain")
    assert settings.DATABASES["default"]["NAME"] == ":memory:"
    main()
