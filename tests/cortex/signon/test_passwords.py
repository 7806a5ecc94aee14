"""Lost and changed passwords: who gets which mail, what ends, and that nobody learns who has an account."""

import re
import smtplib
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client

from cortex.models import User
from cortex.signon.limits import LIMITS
from tests.cortex.signon.conftest import PASSWORD, google, keycloak
from tracking.models import UserSession

pytestmark = pytest.mark.django_db(transaction=True)
ANN = "ann@example.com"
NEW = "a much longer secret 7"


class BrokenMail(EmailBackend):
    def send_messages(self, messages: Any) -> int:
        raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed: canary")


@pytest.fixture
def ann(transactional_db: None) -> User:
    return User.objects.create_user(ANN, PASSWORD, first_name="Ann")


def ask(client: Client, email: str = ANN) -> Any:
    return client.post("/accounts/password/reset/", {"email": email})


def link_of_the_mail() -> str:
    found = re.search(r"http://testserver(/accounts/password/reset/key/\S+)", str(mail.outbox[-1].body))
    assert found, mail.outbox[-1].body
    return found[1]


def follow(client: Client, link: str) -> str:
    """Returns the address of the form, which does not contain the key."""
    answer: Any = client.get(link)
    assert answer.status_code == 302, answer.content
    return str(answer.headers["Location"])


def log_in(client: Client, password: str) -> bool:
    return client.post("/accounts/login/", {"login": ANN, "password": password}).status_code == 302


def test_a_lost_password_is_replaced_by_mail(client: Client, ann: User) -> None:
    answer = ask(client, "Ann@Example.com")
    assert answer.headers["Location"] == "/accounts/password/reset/done/"
    [sent] = mail.outbox
    assert (sent.to, sent.subject) == ([ANN], "[Cortex] Choose a new password")
    assert "Hello Ann," in str(sent.body)
    assert "within one hour" in str(sent.body)

    form = follow(client, link_of_the_mail())
    answer = client.post(form, {"password1": NEW, "password2": NEW})

    assert answer.headers["Location"] == "/accounts/password/reset/key/done/"
    page = client.get("/accounts/password/reset/key/done/").content.decode()
    assert "Password saved" in page
    assert "Password successfully changed." in page
    assert "Password successfully changed." not in client.get("/accounts/login/").content.decode()
    assert not log_in(Client(), PASSWORD)
    assert log_in(client, NEW)


def test_a_link_works_once_and_not_after_an_hour(client: Client, ann: User, settings: Any) -> None:
    ask(client)
    link = link_of_the_mail()
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "This link has expired" in client.get(link).content.decode()
    settings.PASSWORD_RESET_TIMEOUT = 3600

    client.post(follow(client, link), {"password1": NEW, "password2": NEW})

    assert "This link has expired" in Client().get(link).content.decode()
    forged = f"{link[:-5]}x{link[-4:]}"  # no digit of a key
    assert "This link has expired" in Client().get(forged).content.decode()


def test_all_sessions_end_with_the_old_password(client: Client, ann: User) -> None:
    elsewhere, here = Client(), Client()
    for browser in (elsewhere, here):
        browser.force_login(ann)
        assert browser.get("/").status_code == 200
    ask(here)

    here.post(follow(here, link_of_the_mail()), {"password1": NEW, "password2": NEW})

    assert elsewhere.get("/").status_code == 302
    assert here.get("/").status_code == 302
    assert not UserSession.objects.open().exists()


def test_a_weak_password_is_refused_where_it_is_typed(client: Client, ann: User) -> None:
    ask(client)
    form = follow(client, link_of_the_mail())

    page = client.post(form, {"password1": "12345", "password2": "12345"}).content.decode()

    assert 'id="id_password1" autocomplete="new-password" required autofocus aria-invalid="true"' in page
    assert "This password is too short." in page
    assert log_in(client, PASSWORD)


def test_who_has_an_account_is_not_told(client: Client, ann: User) -> None:
    User.objects.create_user("gone@example.com", PASSWORD, is_active=False)

    answers = [ask(client, email) for email in (ANN, "nobody@example.com", "gone@example.com")]

    assert len({(answer.status_code, answer.headers["Location"]) for answer in answers}) == 1
    assert [sent.to for sent in mail.outbox] == [[ANN], ["nobody@example.com"], ["gone@example.com"]]
    for sent in mail.outbox[1:]:
        assert "No active account has this address." in str(sent.body)
        assert "/key/" not in str(sent.body)


def test_who_signs_in_with_a_provider_is_told_where(client: Client, settings: Any) -> None:
    settings.SIGN_ON = [google(), keycloak("https://keycloak.example.com")]
    user = User.objects.create_user(ANN)
    SocialAccount.objects.create(user=user, provider="google", uid="1")

    ask(client)

    body = str(mail.outbox[0].body)
    assert "you sign in with Google, on this page:" in body
    assert "http://testserver/accounts/login/" in body
    assert "/key/" not in body


def test_who_has_neither_password_nor_provider_is_sent_to_an_administrator(client: Client) -> None:
    User.objects.create_user(ANN)

    ask(client)

    assert "An administrator can give it one." in str(mail.outbox[0].body)


def test_an_imported_person_chooses_the_first_password_by_mail(client: Client) -> None:
    User.objects.create(email=ANN)

    ask(client)
    client.post(follow(client, link_of_the_mail()), {"password1": NEW, "password2": NEW})

    assert log_in(client, NEW)


def test_an_address_gets_few_mails_with_an_account_or_without(client: Client, ann: User) -> None:
    for email in (ANN, "nobody@example.com"):
        for number in range(LIMITS["mail"].most + 1):
            answer = ask(Client(REMOTE_ADDR=f"198.51.100.{number}"), email)

        assert "Several mails went to this address already." in answer.content.decode()
    assert len(mail.outbox) == 2 * LIMITS["mail"].most


def test_a_network_asks_for_few_mails(client: Client, ann: User) -> None:
    answers = [ask(client, f"p{number}@example.com") for number in range(LIMITS["reset"].most + 1)]

    assert [answer.status_code for answer in answers] == [302] * LIMITS["reset"].most + [429]
    assert answers[-1].headers["Retry-After"] == "600"
    assert ask(Client(REMOTE_ADDR="198.51.100.7")).status_code == 302
    assert client.get("/accounts/password/reset/").status_code == 200


def test_after_a_reset_earlier_failures_lock_nobody_out(client: Client, ann: User) -> None:
    for _ in range(LIMITS["pair"].most + 1):
        log_in(client, "wrong")
    ask(client)

    client.post(follow(client, link_of_the_mail()), {"password1": NEW, "password2": NEW})

    assert log_in(client, NEW)


def test_mail_that_cannot_be_sent_is_said_so_whoever_asks(
    client: Client, ann: User, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.BrokenMail"

    answers = [ask(client, email) for email in (ANN, "nobody@example.com")]

    for answer in answers:
        assert answer.status_code == 503
        assert "cannot send mail at the moment" in answer.content.decode()
        assert "canary" not in answer.content.decode()
    assert caplog.text.count("No mail could be sent: Connection unexpectedly closed: canary") == 2


def test_a_password_is_changed_in_the_account_and_this_session_stays(client: Client, ann: User) -> None:
    elsewhere = Client()
    for browser in (client, elsewhere):
        browser.force_login(ann)
        browser.get("/")

    wrong = client.post(
        "/accounts/password/change/", {"oldpassword": "x", "password1": NEW, "password2": NEW}
    )
    right = client.post(
        "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    )

    assert "Please type your current password." in wrong.content.decode()
    assert right.headers["Location"] == "/"
    assert "Password successfully changed." in client.get("/").content.decode()
    assert elsewhere.get("/").status_code == 302
    assert log_in(Client(), NEW)


def test_the_thief_of_a_session_guesses_the_old_password_no_more_often(client: Client, ann: User) -> None:
    client.force_login(ann)
    guess = {"oldpassword": "x", "password1": NEW, "password2": NEW}

    statuses = [
        client.post("/accounts/password/change/", guess).status_code for _ in range(LIMITS["pair"].most + 1)
    ]

    assert statuses == [200] * LIMITS["pair"].most + [429]


def test_who_has_no_password_cannot_set_one(client: Client) -> None:
    client.force_login(User.objects.create_user(ANN))

    page = client.get("/accounts/password/change/").content.decode()
    answer = client.post(
        "/accounts/password/change/", {"oldpassword": "", "password1": NEW, "password2": NEW}
    )

    assert "you sign in with a provider" in page
    assert answer.status_code == 200
    assert not User.objects.get().has_usable_password()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("/accounts/login/?next=/povs/", "You continue to: POVs"),
        ("/accounts/login/?next=/povs/7/", "You continue to: /povs/7/"),
        ("/admin/login/?next=/admin/analytics/", "You continue to: the dashboard"),
        ("/accounts/login/?next=/", ""),
        ("/accounts/login/?next=https://evil.example/povs/", ""),
        ("/admin/login/?next=//evil.example/povs/", ""),
        ("/accounts/login/?next=http://[", ""),
    ],
)
def test_the_sign_in_page_says_where_one_goes(client: Client, db: None, address: str, told: str) -> None:
    page = client.get(address).content.decode()

    assert told in page
    assert ("You continue" in page) == bool(told)
    assert '<a href="/accounts/password/reset/">Forgot your password?</a>' in page
