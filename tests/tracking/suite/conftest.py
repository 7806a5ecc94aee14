"""Fixtures of the host sites' suite: a browser on sync or async views, and a user."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from tracking import state
from tracking.storage import spool

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/143.0.0.0 Safari/537.36"
PASSWORD = "correct horse battery staple"


class Browser:
    """Django's test client, on sync or async views."""

    def __init__(self, kind: str, user_agent: str = CHROME) -> None:
        self.kind = kind
        self.is_async = kind == "async"
        client = AsyncClient if self.is_async else Client
        self.client: Any = client(raise_request_exception=False)
        self.headers = {"user-agent": user_agent}

    def get(self, path: str, **options: Any) -> Any:
        return self._call(self.client.get, self._path(path), **options)

    def post(self, path: str, data: Any = None, **options: Any) -> Any:
        return self._call(self.client.post, self._path(path), data or {}, **options)

    def log_in(self, name: str = "ann@example.com", password: str = PASSWORD) -> Any:
        return self.post("/login/", {"username": name, "password": password})

    @property
    def is_logged_in(self) -> bool:
        return bool(self._call(self.client.get, "/who/").content != b"nobody")

    def _path(self, path: str) -> str:
        has_async = path in ("/login/", "/logout/", "/page/", "/deed/")
        return f"/async{path}" if self.is_async and has_async else path

    def _call(self, method: Any, *args: Any, **options: Any) -> Any:
        options = {"headers": self.headers | options.pop("headers", {})} | options
        return async_to_sync(method)(*args, **options) if self.is_async else method(*args, **options)


@pytest.fixture(params=["sync", "async"])
def browser(request: pytest.FixtureRequest) -> Browser:
    return Browser(request.param)


@pytest.fixture
def user(db: None) -> Any:
    return make_user()


def make_user(name: str = "ann@example.com", **fields: Any) -> Any:
    model: Any = get_user_model()
    if model.USERNAME_FIELD == "email":
        return model.objects.create_user(email=name, password=PASSWORD, **fields)
    return model.objects.create_user(username=name, email=name, password=PASSWORD, **fields)


def queries_of(call: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)


def disconnect_tracking(settings: Any) -> None:
    """Disconnect tracking until the end of the test, as if the documented lines were missing."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "tracking" not in name]
    for signal, name in ((user_logged_in, "login"), (user_login_failed, "failure")):
        assert signal.disconnect(dispatch_uid=f"tracking.{name}")


@pytest.fixture(autouse=True)
def _connected_afterwards() -> Iterator[None]:
    yield
    apps.get_app_config("tracking").ready()


@pytest.fixture(autouse=True)
def _as_in_a_new_process() -> Iterator[None]:
    state.forget()
    yield
    shutil.rmtree(spool.folder(), ignore_errors=True)
