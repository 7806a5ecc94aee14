"""Tests that everything a person reads can be translated, and is shown right in German and Arabic."""

import datetime as dt
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from analytics.rollups.refresh import refresh
from tracking import log_activity
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession

pytestmark = pytest.mark.django_db
# What is the same in every language: data, and words of the languages' own.
DATA = re.compile(
    r"root(@example\.com)?|anna|Firefox|Linux|Chrome|hmac|america|st_johns|thing done|thing\.done|crm\.contact|"
    r"csv|jsonl|parquet|"
    r"google|expired token|auth\.user|totp|search|none|session.ended|true|false|"
    # the row of an event shows it as it is stored
    r"account_failures|password|locked_out|bad_password|acting_as|https?|mozilla/5\.0|x11|rv|gecko|[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{32,}\b",
    re.IGNORECASE,
)
SILENT = ("script", "style", "template")
ATTRIBUTES = ("title", "aria-label", "placeholder", "alt")


class Texts(HTMLParser):
    """Collects what a page shows or a screen reader speaks."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._silent += tag in SILENT
        self.texts += [value or "" for name, value in attributes if name in ATTRIBUTES]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in SILENT

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(data)


def bare_words(page: str) -> list[str]:
    """Return the texts that did not pass through gettext, which here puts brackets around each."""
    parser = Texts()
    parser.feed(page)
    found = []
    for text in parser.texts:
        before = None
        while before != text:
            before, text = text, re.sub(r"⟦[^⟦⟧]*⟧", "", text)
        if re.search(r"[A-Za-z]{2,}", DATA.sub("", text)):
            found.append(text.strip())
    return found


@pytest.fixture
def _brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    trans: Any = translation._trans  # type: ignore[attr-defined]
    translation.gettext("makes Django load the functions")
    translation.ngettext("one", "many", 1)
    translation.pgettext("context", "text")
    for name in ("gettext", "ngettext", "pgettext", "npgettext"):
        real = getattr(trans, name)
        monkeypatch.setattr(trans, name, lambda *args, real=real: f"⟦{real(*args)}⟧", raising=False)


@pytest.fixture
def root(client: Client) -> Client:
    model: Any = get_user_model()
    user = model.objects.create_superuser("root", email="root@example.com", password="pw-of-root")
    client.force_login(user)
    now = timezone.now()
    LoginEvent.objects.all().delete()
    common = {"browser": "Firefox", "os": "Linux", "user": user, "ip_address": "10.0.0.1"}
    for number, (reason, device) in enumerate(
        [("", "desktop"), ("bad_password", "mobile"), ("locked_out", "bot"), ("expired_token", "other")]
    ):
        LoginEvent.objects.create(
            timestamp=now - dt.timedelta(minutes=number), success=not reason, failure_reason=reason,
            login_method="google" if reason else "password", identifier="root", device_type=device,
            second_factor="" if reason else "totp", **common,
        )  # fmt: skip
    SecurityAlert.objects.create(
        kind="failure_burst", user=user, identifier="root", occasion="1", evidence={"account_failures": 12}
    )
    log_activity("thing.done", entity=("crm.contact", 7), user=user)
    refresh()
    return client


PAGES = {
    "dashboard": lambda: reverse("analytics:dashboard"),
    "dashboard of a day": lambda: reverse("analytics:dashboard") + "?range=1d",
    "dashboard of a year": lambda: reverse("analytics:dashboard") + "?range=365d&device=mobile",
    "dashboard without logins": lambda: reverse("analytics:dashboard") + "?method=none&browser=none",
    "dashboard with a bad period": lambda: reverse("analytics:dashboard") + "?from=2026-13-01",
    "panels": lambda: reverse("analytics:panels"),
    "user": lambda: reverse("analytics:user", args=[LoginEvent.objects.first().user_id]),  # type: ignore[union-attr]
    "system": lambda: reverse("analytics:system"),
    "accounts never used": lambda: reverse("analytics:accounts"),
    "accounts not used for long": lambda: reverse("analytics:accounts") + "?unused=90d",
    "entity": lambda: reverse("analytics:entity", args=["crm.contact", "7"]),
    "entity without activities": lambda: reverse("analytics:entity", args=["crm.contact", "8"]),
    "alert": lambda: reverse("analytics:alert", args=[SecurityAlert.objects.first().pk]),  # type: ignore[union-attr]
    "address": lambda: reverse("analytics:address", args=["10.0.0.1"]),
    "address without logins": lambda: reverse("analytics:address", args=["10.0.0.2"]),
    **{
        f"list of {model.__name__}": lambda model=model: reverse(
            f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        )
        for model in (LoginEvent, ActivityLog, UserSession, SecurityAlert)
    },
    **{
        f"row of {model.__name__}": lambda model=model: reverse(
            f"admin:{model._meta.app_label}_{model._meta.model_name}_change",
            args=[model.objects.first().pk],  # type: ignore[union-attr]
        )
        for model in (LoginEvent, ActivityLog, UserSession, SecurityAlert)
    },
}


@pytest.mark.usefixtures("_brackets")
@pytest.mark.parametrize("name", PAGES)
def test_no_word_is_bare(root: Client, name: str) -> None:
    answer = root.get(PAGES[name]())

    assert answer.status_code in (200, 400)
    assert bare_words(answer.content.decode()) == []


@pytest.mark.usefixtures("_brackets")
def test_no_word_is_bare_after_sessions_were_ended(root: Client) -> None:
    session = UserSession.objects.create(
        user=get_user_model().objects.first(), expires_at=timezone.now() + dt.timedelta(days=1)
    )

    answer = root.post(reverse("analytics:end_sessions"), {"session": str(session.pk)}, follow=True)

    assert bare_words(answer.content.decode()) == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", ("Anmeldungen", "Erfolgsquote", "75,0")),
        ("fr", ("Connexions",)),
        ("es", ("Inicios de sesión",)),
    ],
)
def test_the_dashboard_speaks_the_language(root: Client, language: str, words: tuple[str, ...]) -> None:
    with translation.override(language):
        page = root.get(reverse("analytics:dashboard")).content.decode()

    assert [word for word in words if word not in page] == []


def test_a_language_from_right_to_left_has_its_direction_and_its_dates(root: Client) -> None:
    with translation.override("ar"):
        page = root.get(reverse("analytics:dashboard")).content.decode()

    assert 'dir="rtl"' in page
    assert "الاثنين" in page or "إثنين" in page or "اثنين" in page


def test_numbers_for_programs_are_the_same_in_every_language(root: Client) -> None:
    answers, files = [], []
    for language in ("en", "de", "ar"):
        with translation.override(language):
            data = root.get(reverse("analytics:data"), {"range": "7d"}).json()
            answers.append((data | {"as_of": ""}, root.get(reverse("analytics:feed")).json()))
    for language in ("en", "de", "ar"):
        with translation.override(language):
            file = root.get(reverse("analytics:download", args=["logins", "csv"]), {"range": "7d"})
            files.append(b"".join(file.streaming_content))

    assert answers[0] == answers[1] == answers[2]
    assert files[0] == files[1] == files[2]
