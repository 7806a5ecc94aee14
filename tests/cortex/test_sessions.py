"""Sessions of the site: those of visitors are short, and only keys that Django makes are looked up."""

import datetime as dt
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from cortex.models import User
from cortex.sessions import NOBODY_SECONDS, SessionStore
from tests.cortex.signon.conftest import HOST, google

pytestmark = pytest.mark.django_db
ODD = [
    "\\000",
    "a\\000b",
    "x" * 31,
    "X" * 32,
    "x" * 33,
    "users:x",
    "*",
    "../x",
    "ü" * 32,
    "0" * 31 + "\\012",
    "",
]


@pytest.mark.parametrize("cookie", ODD)
@pytest.mark.parametrize(
    "path", ["/", "/accounts/login/", "/admin/login/", "/admin/", "/admin/analytics/data.json"]
)
def test_an_odd_cookie_is_nobody_s_session(client: Client, cookie: str, path: str) -> None:
    answer = client.get(path, headers={"cookie": f'sessionid="{cookie}"'})

    assert answer.status_code in (200, 302, 401)


@pytest.mark.parametrize("key", ["\0", "x" * 31, "users:x", None, 5, b"x" * 32])
def test_an_odd_key_is_asked_for_nowhere(key: Any, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert SessionStore(key).session_key is None
        assert SessionStore(key).get("anything") is None


def test_the_site_s_engine_is_this_one() -> None:
    """Django still calls `_validate_session_key`, a private method, and `get_session_cookie_age`."""
    assert import_module(settings.SESSION_ENGINE).SessionStore is SessionStore
    made = SessionStore()
    made.create()
    assert SessionStore(made.session_key).exists(made.session_key)


def test_a_session_on_the_way_to_a_provider_ends_in_minutes(client: Client, settings: Any) -> None:
    settings.ALLOWED_HOSTS, settings.SIGN_ON = [HOST], [google()]

    answer = client.post("/accounts/google/login/", headers={"host": HOST})

    assert answer.cookies["sessionid"]["max-age"] == NOBODY_SECONDS
    row = Session.objects.get()
    assert row.expire_date <= timezone.now() + dt.timedelta(seconds=NOBODY_SECONDS)
    cache: Any = caches["sessions"]
    key = cache.name(f"django.contrib.sessions.cached_db{row.session_key}")
    assert 0 < cache.redis.ttl(key) <= NOBODY_SECONDS


def test_a_session_of_somebody_lasts_a_week(client: Client) -> None:
    User.objects.create_superuser("ann@example.com", "pw")

    answer = client.post("/admin/login/", {"username": "ann@example.com", "password": "pw"})

    assert answer.cookies["sessionid"]["max-age"] == settings.SESSION_COOKIE_AGE
    assert Session.objects.get().expire_date > timezone.now() + dt.timedelta(days=6)


@pytest.mark.parametrize("moment", ["save", "load"])
def test_a_logout_between_the_database_and_the_cache_is_one(
    moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = SessionStore()
    session["_auth_user_id"] = "1"
    session.create()
    session.save()
    key, cache = session.session_key, session._cache
    put = cache.set

    def log_out_first(*arguments: Any, **options: Any) -> Any:
        monkeypatch.undo()
        SessionStore(key).delete()
        return put(*arguments, **options)

    if moment == "load":
        cache.delete(session.cache_key)
    monkeypatch.setattr(
        type(cache), "set", lambda _, *arguments, **options: log_out_first(*arguments, **options)
    )
    session.save() if moment == "save" else SessionStore(key).load()

    assert SessionStore(key).load() == {}
