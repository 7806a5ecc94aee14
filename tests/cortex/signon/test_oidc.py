"""Signs in with OpenID Connect (Okta, Keycloak) against a real provider."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from cortex.models import User
from tests.cortex.signon.conftest import PASSWORD, SITE, Browser, keycloak, okta, only_event
from tests.cortex.signon.oidc import OidcProvider
from tracking.models import LoginEvent

pytestmark = pytest.mark.django_db(transaction=True)
ANN = {"email": "Ann@Example.com", "email_verified": True, "given_name": "Ann", "family_name": "Lee"}


@pytest.mark.parametrize("method", ["okta_oauth", "keycloak"])
def test_somebody_of_an_allowed_domain_becomes_a_user_without_rights(
    signon: OidcProvider, visitor: Browser, method: str
) -> None:
    signon.knows("ann", **ANN)

    answer = visitor.sign_on(signon, "ann", method)

    user = User.objects.get()
    assert answer.headers["Location"] == "/"
    assert visitor.user == str(user.pk)
    assert (user.email, user.first_name, user.last_name) == ("ann@example.com", "Ann", "Lee")
    assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (False, False, False)
    event = only_event()
    assert (event.success, event.login_method, event.user) == (True, method, user)


def test_the_second_time_it_is_the_same_user_whatever_the_address_is_by_then(
    signon: OidcProvider, visitor: Browser
) -> None:
    signon.knows("ann", **ANN)
    visitor.sign_on(signon, "ann")
    signon.knows("ann", email="ann.new@example.com", email_verified=False)

    again = Browser()
    again.sign_on(signon, "ann")

    assert again.user == visitor.user
    assert User.objects.get().email == "ann@example.com"


@pytest.mark.parametrize("verified", [True, "true"])
def test_an_existing_user_of_any_domain_keeps_password_and_rights(
    signon: OidcProvider, visitor: Browser, settings: Any, admin: User, verified: Any
) -> None:
    """allauth's own matching by e-mail would remove the password."""
    settings.SIGN_ON_DOMAINS = []
    signon.knows("boss", email="boss@example.com", email_verified=verified)

    visitor.sign_on(signon, "boss")

    assert visitor.user == str(admin.pk)
    assert Client().login(username="boss@example.com", password=PASSWORD)
    admin.refresh_from_db()
    assert admin.is_superuser


@pytest.mark.parametrize("verified", [False, "false", "", None, 1])
def test_an_unverified_address_is_nobody_not_even_an_admin(
    signon: OidcProvider, visitor: Browser, admin: User, verified: Any
) -> None:
    signon.knows("mallory", email="boss@example.com", email_verified=verified)

    answer = visitor.sign_on(signon, "mallory")

    assert answer.status_code == 403
    assert "has not verified your e-mail address" in answer.content.decode()
    assert visitor.user is None
    event = only_event()
    assert (event.success, event.login_method, event.failure_reason) == (
        False,
        "okta_oauth",
        "unverified_email",
    )
    assert event.user == admin  # the owner of the account that was tried


@pytest.mark.parametrize("email", ["\u212aate@example.com", "kate@be\u212aer.com", "k\u0430te@example.com"])
def test_letters_that_look_alike_are_not_somebody_else(
    signon: OidcProvider, visitor: Browser, settings: Any, email: str
) -> None:
    kate = User.objects.create_superuser("kate@example.com", PASSWORD)
    settings.SIGN_ON_DOMAINS = ["example.com", "beker.com"]
    signon.knows("mallory", email=email, email_verified=True)

    answer = visitor.sign_on(signon, "mallory")

    assert (answer.status_code, visitor.user) == (403, None)
    assert only_event().failure_reason == "unverified_email"
    assert list(User.objects.all()) == [kate]


def test_a_login_is_called_after_itself_and_not_after_another_one(
    signon: OidcProvider, visitor: Browser, admin: User
) -> None:
    signon.knows("ann", **ANN)
    Browser().sign_on(signon, "ann")
    User.objects.filter(email="ann@example.com").update(is_active=False)
    visitor.sign_on(signon, "ann")  # rejected after allauth has recorded it

    visitor.client.handler.enforce_csrf_checks = False
    visitor.client.post("/admin/login/?next=/admin/", {"username": admin.email, "password": PASSWORD})

    assert visitor.user == str(admin.pk)
    newest = LoginEvent.objects.latest("pk")
    assert (newest.user, newest.success, newest.login_method) == (admin, True, "email")


def test_a_password_after_a_sign_on_is_a_password(
    signon: OidcProvider, visitor: Browser, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracking.capture.login_method.RECORD_SECONDS", 0)
    signon.knows("boss", email=admin.email, email_verified=True)
    visitor.sign_on(signon, "boss")

    visitor.client.handler.enforce_csrf_checks = False
    visitor.client.post("/admin/login/?next=/admin/", {"username": admin.email, "password": PASSWORD})

    methods = LoginEvent.objects.order_by("pk").values_list("login_method", "success")
    assert list(methods) == [("okta_oauth", True), ("email", True)]


def test_no_address_at_all_is_nobody(signon: OidcProvider, visitor: Browser) -> None:
    signon.knows("ghost", email_verified=True)

    assert visitor.sign_on(signon, "ghost").status_code == 403
    assert only_event().failure_reason == "unverified_email"
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "email",
    [
        "ann@example.org",
        "ann@sub.example.com",
        "ann@example.com.evil.org",
        "ann@notexample.com",
        '"ann@example.com"@evil.org',
    ],
)
def test_a_stranger_of_another_domain_is_refused(signon: OidcProvider, visitor: Browser, email: str) -> None:
    signon.knows("ann", email=email, email_verified=True)

    answer = visitor.sign_on(signon, "ann")

    assert (answer.status_code, visitor.user) == (403, None)
    assert only_event().failure_reason == "domain_not_allowed"
    assert not User.objects.exists()


def test_without_domains_nobody_new_comes_in(signon: OidcProvider, visitor: Browser, settings: Any) -> None:
    settings.SIGN_ON_DOMAINS = []
    signon.knows("ann", **ANN)

    assert visitor.sign_on(signon, "ann").status_code == 403
    assert not User.objects.exists()


@pytest.mark.parametrize("known", [False, True], ids=["first time", "linked before"])
def test_an_inactive_user_does_not_come_in(signon: OidcProvider, visitor: Browser, known: bool) -> None:
    signon.knows("ann", **ANN)
    if known:
        visitor.sign_on(signon, "ann")
        LoginEvent.objects.all().delete()
        User.objects.update(is_active=False)
    else:
        User.objects.create_user("ann@example.com", is_active=False)

    again = Browser()
    answer = again.sign_on(signon, "ann")
    shown = again.follow(answer.headers["Location"]) if answer.status_code == 302 else answer

    assert again.user is None
    assert "is deactivated" in shown.content.decode()
    event = only_event()
    assert (event.success, event.failure_reason, event.login_method) == (False, "inactive", "okta_oauth")


def test_an_address_that_went_to_a_successor_does_not_open_the_account(
    signon: OidcProvider, visitor: Browser
) -> None:
    signon.knows("ann-1", **ANN)
    visitor.sign_on(signon, "ann-1")
    signon.knows("ann-2", **ANN)

    successor = Browser()
    answer = successor.sign_on(signon, "ann-2")

    assert (answer.status_code, successor.user) == (403, None)
    assert LoginEvent.objects.latest("pk").failure_reason == "linked_otherwise"


def test_two_providers_lead_to_one_user(signon: OidcProvider, visitor: Browser) -> None:
    signon.knows("ann", **ANN)

    visitor.sign_on(signon, "ann", "okta_oauth")
    Browser().sign_on(signon, "ann", "keycloak")

    assert User.objects.count() == 1
    assert list(LoginEvent.objects.order_by("pk").values_list("login_method", flat=True)) == [
        "okta_oauth",
        "keycloak",
    ]


def test_an_account_cannot_be_linked_to_any_other_by_the_back_door(
    signon: OidcProvider, visitor: Browser
) -> None:
    """With `process=connect`, allauth links any account of any domain to the user who is signed in."""
    signon.knows("ann", **ANN)
    visitor.sign_on(signon, "ann")
    signon.knows("other", email="other@evil.org", email_verified=True)

    away = visitor.client.get("/")
    token = str(away.context["csrf_token"])
    away = visitor.client.post(
        "/accounts/oidc/okta_oauth/login/?process=connect", {"csrfmiddlewaretoken": token}
    )
    answer = visitor.follow(signon.sign_in(away.headers["Location"], "other"))

    assert answer.status_code == 403
    assert Browser().sign_on(signon, "other").status_code == 403


def test_a_state_of_another_browser_is_refused(signon: OidcProvider, visitor: Browser) -> None:
    """Otherwise a stranger could sign a person in to the stranger's account."""
    signon.knows("mallory", email="mallory@example.com", email_verified=True)
    away = Browser().begin("/accounts/oidc/okta_oauth/login/")
    back = signon.sign_in(away.headers["Location"], "mallory")

    answer = visitor.follow(back)

    assert (answer.status_code, visitor.user) == (403, None)
    assert "Start again" in answer.content.decode()
    assert only_event().failure_reason == "state_mismatch"


def test_a_state_is_good_for_one_use(signon: OidcProvider, visitor: Browser) -> None:
    signon.knows("ann", **ANN)
    away = visitor.begin("/accounts/oidc/okta_oauth/login/")
    back = signon.sign_in(away.headers["Location"], "ann")

    first, second = visitor.follow(back), visitor.follow(back)

    assert (first.status_code, second.status_code) == (302, 403)


def test_a_state_of_another_provider_is_refused(signon: OidcProvider, visitor: Browser) -> None:
    signon.knows("ann", **ANN)
    away = visitor.begin("/accounts/oidc/okta_oauth/login/")
    back = signon.sign_in(away.headers["Location"], "ann").replace("okta_oauth", "keycloak")

    assert visitor.follow(back).status_code == 403
    assert only_event().login_method == "keycloak"


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "another-client"},
        {"iss": "https://evil.example.org"},
        {"exp": 1},
    ],
    ids=["audience", "issuer", "expired"],
)
def test_a_token_for_somebody_else_is_not_believed(
    signon: OidcProvider, visitor: Browser, change: dict[str, Any]
) -> None:
    signon.knows("ann", **ANN)
    signon.tamper = lambda claims: claims.update(change)

    answer = visitor.sign_on(signon, "ann")

    assert (answer.status_code, visitor.user) == (403, None)
    assert "is invalid. Try again" in answer.content.decode()
    assert only_event().failure_reason == "bad_answer"


@pytest.mark.parametrize(
    "claims",
    [
        {"email": ["a@example.com"], "email_verified": True},
        {"email": {"a": 1}, "email_verified": True},
        {"email": "x" * 300 + "@example.com", "email_verified": True},
        {"email": "ann@example.com\0", "email_verified": True},
        {"email": "ann@example.com", "email_verified": True, "given_name": ["Ann"]},
        {"email": "ann@example.com", "email_verified": True, "nickname": "\0"},
    ],
)
def test_claims_of_a_strange_shape_are_refused_and_no_error_of_the_server(
    signon: OidcProvider, visitor: Browser, claims: dict[str, Any]
) -> None:
    signon.knows("odd", **claims)

    answer = visitor.sign_on(signon, "odd")

    assert (answer.status_code, visitor.user) == (403, None)
    assert only_event().failure_reason in ("bad_answer", "unverified_email")


def test_names_too_long_for_the_table_are_cut(signon: OidcProvider, visitor: Browser) -> None:
    signon.knows("ann", **(ANN | {"given_name": "A" * 500, "family_name": "Zoë\u0007"}))

    visitor.sign_on(signon, "ann")

    user = User.objects.get()
    assert (len(user.first_name), user.last_name) == (80, "Zoë")


def test_a_person_who_cancels_is_told_so(signon: OidcProvider, visitor: Browser) -> None:
    away = visitor.begin("/accounts/oidc/okta_oauth/login/")

    address = away.headers["Location"]
    state = parse_qs(urlsplit(address).query)["state"][0]
    # RFC 6749, 4.1.2.1: an error carries the state as well; this provider leaves it out.
    answer = visitor.follow(f"{signon.sign_in(address, 'ann', action='deny')}&state={state}")

    assert answer.status_code == 403
    assert only_event().failure_reason == "cancelled"


@pytest.mark.parametrize("provider", [okta, keycloak])
def test_a_provider_that_is_down_is_one_line(
    signon: OidcProvider,
    visitor: Browser,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    provider: Any,
) -> None:
    settings.SIGN_ON = [provider("http://127.0.0.1:9")]
    method = settings.SIGN_ON[0].method

    answer = visitor.begin(f"/accounts/oidc/{method}/login/")

    assert answer.status_code == 403
    assert "does not respond correctly. Try again later" in answer.content.decode()
    event = only_event()
    assert (event.failure_reason, event.login_method) == ("provider_down", method)
    said = [record for record in caplog.records if record.name == "cortex.signon"]
    assert len(said) == 1
    assert said[0].exc_info is None
    assert "\n" not in said[0].getMessage()


def test_a_provider_that_goes_down_in_the_middle_is_one_line_too(
    signon: OidcProvider, visitor: Browser, settings: Any
) -> None:
    signon.knows("ann", **ANN)
    away = visitor.begin("/accounts/oidc/okta_oauth/login/")
    back = signon.sign_in(away.headers["Location"], "ann")
    settings.SIGN_ON = [okta("http://127.0.0.1:9")]

    answer = visitor.follow(back)

    assert answer.status_code == 403
    assert only_event().failure_reason == "provider_down"


def test_a_provider_that_answers_with_pages_is_one_line(
    signon: OidcProvider, visitor: Browser, settings: Any
) -> None:
    settings.SIGN_ON = [okta(f"{signon.url}/nothing/here")]

    answer = visitor.begin("/accounts/oidc/okta_oauth/login/")

    assert answer.status_code == 403
    assert only_event().failure_reason == "provider_down"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example.org/", "//evil.example.org/", "\\\\evil.example.org", "javascript:alert(1)"],
)
def test_the_way_back_stays_within_the_site(signon: OidcProvider, visitor: Browser, target: str) -> None:
    signon.knows("ann", **ANN)

    answer = visitor.sign_on(signon, "ann", query=f"&next={target}")

    assert answer.headers["Location"] == "/"


def test_the_way_back_leads_to_the_page_that_was_wanted(signon: OidcProvider, visitor: Browser) -> None:
    signon.knows("ann", **ANN)

    answer = visitor.sign_on(signon, "ann", query="&next=/admin/analytics/%3Fdays%3D7")

    assert answer.headers["Location"] == "/admin/analytics/?days=7"


def test_a_link_alone_does_not_send_anybody_to_a_provider(signon: OidcProvider, visitor: Browser) -> None:
    answer = visitor.client.get("/accounts/oidc/okta_oauth/login/")

    assert answer.status_code == 200
    assert "Continue" in answer.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "google/login/",
        "google/login/callback/?code=x&state=y",
        "oidc/nobody/login/",
        "saml/okta/login/",
        "saml/okta/metadata/",
        "saml/okta/acs/",
        "saml/okta/acs/finish/",
        "saml/okta/sls/",
        "signup/",
        "email/",
        "3rdparty/",
        "3rdparty/signup/",
        "password/set/",
    ],
)
def test_what_is_not_configured_is_not_there(signon: OidcProvider, visitor: Browser, path: str) -> None:
    answer = visitor.client.get(f"/accounts/{path}")
    while answer.status_code == 302:
        answer = visitor.follow(answer.headers["Location"])

    assert answer.status_code == 404


def test_the_site_asks_for_a_proof_that_only_it_can_give(signon: OidcProvider, visitor: Browser) -> None:
    """PKCE (RFC 7636): a stolen code is useless."""
    away = visitor.begin("/accounts/oidc/okta_oauth/login/")

    address = away.headers["Location"]
    assert "code_challenge_method=S256" in address
    assert f"redirect_uri={SITE}".replace(":", "%3A").replace("/", "%2F") in address
