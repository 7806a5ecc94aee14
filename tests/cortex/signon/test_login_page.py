"""The sign-in page: e-mail and password, the configured providers, and its Content-Security-Policy."""

import re
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import Client
from django.utils.html import escape

from cortex.models import User
from cortex.signon import providers
from tests.cortex.signon.conftest import HOST, PASSWORD, google, keycloak, okta, okta_saml, only_event
from tracking.models import LoginEvent

pytestmark = pytest.mark.django_db(transaction=True)


def log_in(client: Client, password: str = PASSWORD, email: str = "boss@example.com", **more: str) -> Any:
    return client.post("/accounts/login/", {"login": email, "password": password} | more)


def log_in_as_admin(client: Client, password: str = PASSWORD) -> Any:
    return client.post("/admin/login/?next=/admin/", {"username": "boss@example.com", "password": password})


def test_an_email_and_a_password(client: Client, admin: User) -> None:
    answer = log_in(client)

    assert answer.headers["Location"] == "/"
    event = only_event()
    assert (event.success, event.login_method, event.user) == (True, "email", admin)
    assert '<a href="/admin/">Admin</a>' in client.get("/").content.decode()


def test_the_admins_own_login_page_stays(client: Client, admin: User) -> None:
    page = client.get("/admin/login/?next=/admin/auth/")
    answer = client.post("/admin/login/?next=/admin/", {"username": admin.email, "password": PASSWORD})

    assert "Or sign in with" not in page.content.decode()
    assert answer.headers["Location"] == "/admin/"
    assert only_event().login_method == "email"


def test_the_admins_own_login_page_leads_to_the_providers(client: Client, settings: Any) -> None:
    settings.SIGN_ON = [google()]

    page = client.get("/admin/login/?next=/admin/auth/").content.decode()

    assert escape("/accounts/google/login/?process=login&next=%2Fadmin%2Fauth%2F") in page
    assert ">Google</button>" in page


def focused(answer: Any) -> list[str]:
    """Returns the types of the fields that get the focus."""
    return re.findall(r'<input type="(\w+)"[^>]* autofocus', answer.content.decode())


def test_the_focus_is_where_one_goes_on(client: Client, admin: User) -> None:
    assert focused(client.get("/accounts/login/")) == ["email"]
    assert focused(client.get("/admin/login/")) == ["email"]
    assert focused(log_in(client, "wrong")) == ["password"]
    assert focused(log_in_as_admin(client, "wrong")) == ["password"]
    assert focused(log_in(client, email="not an address")) == ["email"]


def test_e_mail_is_spelled_in_one_way(client: Client, admin: User) -> None:
    pages = [
        log_in(client, "wrong"),
        log_in(client, email="boss@localhost"),
        log_in_as_admin(client, "wrong"),
        client.post("/accounts/password/reset/", {"email": "boss@nowhere"}),
    ]

    for page in pages:
        text = re.sub(r"<[^>]+>", "", page.content.decode())
        assert re.search("[a-z] e-mail", text), "the sentence, not the label"
        assert not re.search(r"\bemail\b", text, re.I), text


@pytest.mark.parametrize("email", ["boss@example.com", "nobody@example.com"])
def test_a_wrong_password_and_an_unknown_name_look_the_same(client: Client, admin: User, email: str) -> None:
    answer = log_in(client, "wrong", email)

    assert "The e-mail address or the password is not correct." in answer.content.decode()
    event = only_event()
    assert (event.success, event.login_method) == (False, "email")
    assert event.failure_reason == ("bad_password" if email == admin.email else "unknown_user")


def test_the_right_password_of_an_inactive_user(client: Client, admin: User) -> None:
    User.objects.update(is_active=False)

    answer = client.get(log_in(client).headers["Location"])

    assert "is deactivated" in answer.content.decode()
    event = only_event()
    assert (event.success, event.login_method, event.failure_reason) == (False, "email", "inactive")


def test_too_many_attempts_are_refused_and_recorded(client: Client, admin: User) -> None:
    for _ in range(5):
        assert "is not correct" in log_in(client, "wrong").content.decode()

    assert "Too many failed sign-in attempts" in log_in(client, "wrong").content.decode()
    assert LoginEvent.objects.latest("pk").failure_reason == "too_many_attempts"
    assert "Too many" in log_in(client).content.decode(), "not even with the right password"
    assert "Too many" in log_in(client, email="BOSS@example.com").content.decode()
    assert "Too many" in log_in_as_admin(client).content.decode(), "nor on the other page"


def test_the_administrations_page_has_the_same_limits(client: Client, admin: User) -> None:
    for _ in range(5):
        assert "Please enter the correct" in log_in_as_admin(client, "wrong").content.decode()

    assert "Too many failed sign-in attempts" in log_in_as_admin(client).content.decode()
    assert LoginEvent.objects.latest("pk").failure_reason == "too_many_attempts"
    assert "Too many" in log_in(client).content.decode()


def test_an_address_that_tries_many_names_is_refused(client: Client, admin: User) -> None:
    for number in range(10):
        log_in(client, "wrong", f"somebody{number}@example.com")

    assert "Too many" in log_in(client).content.decode()
    assert log_in(Client(REMOTE_ADDR="198.51.100.7")).status_code == 302


def test_subscribers_have_whole_networks_of_addresses(client: Client, admin: User) -> None:
    for number in range(10):
        log_in(Client(REMOTE_ADDR=f"2001:db8:1:1::{number}"), "wrong", f"somebody{number}@example.com")

    assert "Too many" in log_in(Client(REMOTE_ADDR="2001:db8:1:1:ffff::1")).content.decode()
    assert log_in(Client(REMOTE_ADDR="2001:db8:1:2::1")).status_code == 302


def test_what_was_no_failure_does_not_count_and_pays_for_none(client: Client, admin: User) -> None:
    for _ in range(12):
        assert log_in(client).status_code == 302
        client.logout()
        assert log_in_as_admin(client).status_code == 302
        client.logout()

    for _ in range(2):
        for _ in range(2):
            log_in(client, "wrong")
        log_in(client)
        client.logout()
    log_in(client, "wrong")

    assert "Too many" in log_in(client).content.decode()


def test_pages_of_one_s_own_are_kept_nowhere(client: Client, admin: User) -> None:
    client.force_login(admin)

    for path in ("/", "/povs/", "/trrs/"):
        assert "no-store" in client.get(path).headers["Cache-Control"], path


@pytest.mark.parametrize("target", ["https://evil.example.org/", "//evil.example.org", "/\\evil.example.org"])
def test_the_way_back_stays_within_the_site(client: Client, admin: User, target: str) -> None:
    assert log_in(client, next=target).headers["Location"] == "/"


def test_a_page_that_needs_a_login_leads_here(client: Client) -> None:
    assert client.get("/").headers["Location"] == "/accounts/login/?next=/"


def test_log_out_needs_a_button(client: Client, admin: User) -> None:
    client.force_login(admin)

    assert client.get("/accounts/logout/").status_code == 200
    assert client.session.get("_auth_user_id")
    assert client.post("/accounts/logout/").headers["Location"] == "/accounts/login/"
    assert not client.session.get("_auth_user_id")


def test_nothing_configured_is_nothing_offered(client: Client, settings: Any) -> None:
    page = client.get("/accounts/login/")

    assert "Or sign in with" not in page.content.decode()
    assert "form-action 'self'" in page.headers["Content-Security-Policy"].split("; ")


def test_each_configured_provider_has_a_button_and_a_place_in_the_policy(
    client: Client, settings: Any
) -> None:
    settings.SIGN_ON = [
        google(),
        okta("https://acme.okta.example/oauth2/default"),
        okta_saml("http://www.okta.example/1", "https://saml.okta.example/app/sso", "MIIB"),
        keycloak("https://keycloak.example.com:8443"),
    ]

    page = client.get("/accounts/login/?next=/admin/")

    text = page.content.decode()
    for title, path in {
        "Google": "google/login/",
        "Okta": "oidc/okta_oauth/login/",
        "Okta (SAML)": "saml/okta/login/",
        "Keycloak": "oidc/keycloak/login/",
    }.items():
        assert f">{title}</button>" in text
        assert escape(f"/accounts/{path}?process=login&next=%2Fadmin%2F") in text
    assert (
        "form-action 'self' https://accounts.google.com https://acme.okta.example "
        "https://keycloak.example.com:8443 https://saml.okta.example"
    ) in page.headers["Content-Security-Policy"].split("; ")


def test_half_a_provider_is_off(client: Client, settings: Any) -> None:
    settings.SIGN_ON = [providers.google({"GOOGLE_CLIENT_ID": "x", "GOOGLE_CLIENT_SECRET": ""})]

    page = client.get("/accounts/login/")

    assert "Google" not in page.content.decode()
    assert "google" not in page.headers["Content-Security-Policy"]
    assert client.get("/accounts/google/login/").status_code == 404


def test_the_page_costs_no_query(client: Client, settings: Any, django_assert_num_queries: Any) -> None:
    settings.SIGN_ON = [google(), keycloak("https://keycloak.example.com")]

    with django_assert_num_queries(0):
        client.get("/accounts/login/")


def test_e001_says_what_is_missing(settings: Any) -> None:
    variables = {"KEYCLOAK_URL": "https://k", "KEYCLOAK_REALM": "", "KEYCLOAK_CLIENT_ID": "x", "SECRET": ""}
    settings.SIGN_ON = [providers.keycloak(variables), google()]

    [problem] = [problem for problem in run_checks() if str(problem.id).startswith("cortex.")]

    assert problem.id == "cortex.E001"
    assert problem.msg == "Sign-on with Keycloak is off because KEYCLOAK_REALM and SECRET are not set."
    assert (
        problem.hint
        == "Set all of KEYCLOAK_URL, KEYCLOAK_REALM, KEYCLOAK_CLIENT_ID, SECRET, or none of them."
    )


def test_e002_saml_needs_domains(settings: Any) -> None:
    settings.SIGN_ON_DOMAINS = []
    settings.SIGN_ON = [okta_saml("http://idp", "https://idp/sso", "MIIB")]

    [problem] = [problem for problem in run_checks() if str(problem.id).startswith("cortex.")]

    assert problem.id == "cortex.E002"
    assert problem.msg == "Nobody can sign in with Okta (SAML) because SIGN_ON_DOMAINS is not set."


def test_a_chain_of_proxies_that_is_too_short_is_no_error(client: Client, settings: Any) -> None:
    settings.TRACKING = settings.TRACKING | {"TRUSTED_PROXY_COUNT": 2}

    assert log_in(client, headers={"x-forwarded-for": "1.2.3.4"}).status_code == 200  # type: ignore[arg-type]


def test_another_host_is_not_served(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [HOST]

    assert Client().get("/accounts/login/", headers={"host": "evil.example.org"}).status_code == 400
