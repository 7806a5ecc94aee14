"""Runs a real browser on the real site. Errors, policy violations and foreign hosts fail the test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import get_user_model

from cortex.models import User

ARTEFACTS = Path(__file__).resolve().parent.parent.parent / "artefacts"
PASSWORD = "correct horse battery staple"
# The browser reports each response with an error status; some tests expect one.
EXPECTED = "Failed to load resource: the server responded with a status of "


class Visitor:
    """A person with a separate browser, and the complaints of the browser."""

    def __init__(self, browser: Any, base: str, **options: Any) -> None:
        self.base = base
        self.context = browser.new_context(locale="en-GB", accept_downloads=True, **options)
        self.page = self.context.new_page()
        # Generous, because a busy machine may take long; a wait ends when what it waits for is there.
        self.page.set_default_timeout(60_000)
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("request", self._asked)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _asked(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(self.base).netloc:
            self.complaints.append(f"asked another host: {request.url}")

    def expect_status(self, status: int) -> None:
        """Expect a response with this status, so that it is not a complaint."""
        self.complaints = [text for text in self.complaints if f"{EXPECTED}{status}" not in text]

    def log_in(self, user: User, path: str = "/admin/analytics/", password: str = PASSWORD) -> Any:
        self.page.goto(f"{self.base}{path}")
        self.page.fill("#id_username", user.email)
        self.page.fill("#id_password", password)
        self.page.click("[type=submit]")
        return self.page

    def take_picture(self, name: str) -> None:
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)

    def is_too_wide(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


@pytest.fixture
def visit(browser: Any, live_server: Any) -> Iterator[Callable[..., Visitor]]:
    visitors: list[Visitor] = []

    def make(**options: Any) -> Visitor:
        visitors.append(Visitor(browser, live_server.url, **options))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.context.close()
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []


def make_user(email: str, **rights: Any) -> User:
    model: Any = get_user_model()
    user: User = model.objects.create_user(email, password=PASSWORD, is_staff=True, **rights)
    return user


@pytest.fixture
def admin(transactional_db: None) -> User:
    return make_user("admin@example.com", is_superuser=True)


@pytest.fixture
def colleague(transactional_db: None) -> User:
    return make_user("colleague@example.com")
