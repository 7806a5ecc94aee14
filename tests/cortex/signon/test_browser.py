"""Signs in with every provider in a real browser: the site's Content-Security-Policy must let it through."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connection
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from cortex.embedded.ports import free_port
from cortex.models import User
from tests.analytics.browser.conftest import Visitor
from tests.cortex.signon import saml
from tests.cortex.signon.conftest import PASSWORD, okta
from tests.cortex.signon.oidc import OidcProvider
from tests.cortex.signon.saml import SamlProvider
from tests.paths import PROJECT
from tracking.models import LoginEvent

pytestmark = pytest.mark.django_db(transaction=True)
START_SECONDS = 30


class SsoPage:
    """Serves the identity provider's page, to which the site sends the browser."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.site = folder, ""
        self.provider: SamlProvider | None = None
        self.server = make_server("127.0.0.1", 0, Request.application(self.answer), threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}/sso"

    def answer(self, request: Request) -> Response:
        if self.provider is None:
            metadata = requests.get(f"{self.site}/accounts/saml/okta/metadata/", timeout=10).text
            self.provider = SamlProvider(self.folder, metadata, sso_url=self.url)
        asked = self.provider.request_in(request.url)
        response = self.provider.answer(asked, "ann", mail="ann@example.com")
        page = saml.form_of(asked.assertion_consumer_service_url, response)
        return Response(page, content_type="text/html")


@contextmanager
def serving(server: Any) -> Iterator[None]:
    import threading

    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def sso(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SsoPage]:
    page = SsoPage(tmp_path_factory.mktemp("sso") / "idp")
    with serving(page.server):
        yield page


@pytest.fixture(scope="module")
def site(
    running_provider: OidcProvider,
    sso: SsoPage,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
) -> Iterator[str]:
    """Runs the site in a separate process, configured by the environment as in a deployment."""
    port = free_port()
    google = running_provider.url.replace("127.0.0.1", "localhost")
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.cortex.signon.site_settings",
        "TEST_DATABASE": str(connection.settings_dict["NAME"]),
        "TEST_GOOGLE": google,
        "TEST_SPOOL": str(tmp_path_factory.mktemp("spool")),
        "SIGN_ON_DOMAINS": "example.com",
        "GOOGLE_CLIENT_ID": "cortex",
        "GOOGLE_CLIENT_SECRET": "a-secret",
        "OKTA_OIDC_URL": running_provider.url,
        "OKTA_OIDC_CLIENT_ID": "cortex",
        "OKTA_OIDC_CLIENT_SECRET": "a-secret",
        "OKTA_SAML_ENTITY_ID": saml.ENTITY_ID,
        "OKTA_SAML_SSO_URL": sso.url,
        "OKTA_SAML_CERTIFICATE": saml.key_in(sso.folder),
        "KEYCLOAK_URL": running_provider.url,
        "KEYCLOAK_REALM": "cortex",
        "KEYCLOAK_CLIENT_ID": "cortex",
        "KEYCLOAK_CLIENT_SECRET": "a-secret",
    }
    address = f"http://localhost:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", "4", "cortex.wsgi"],
        env=environment,
        cwd=PROJECT,
    )
    try:
        _wait_for(address, process)
        sso.site = address
        yield address
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(f"{address}/accounts/login/", timeout=5).raise_for_status()
        except (requests.ConnectionError, requests.Timeout):  # a busy machine needs seconds to load the site
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"The site does not start; its exit code is {process.poll()}.")


class Person(Visitor):
    """A browser that also visits providers. We do not test their pages, and they get nothing from the network."""

    def __init__(self, chromium: Any, base: str) -> None:
        super().__init__(chromium, base)
        self.context.route("https://**", lambda route: route.abort())

    def _heard(self, message: Any) -> None:
        if self.page.url.startswith(self.base):
            super()._heard(message)

    def _asked(self, request: Any) -> None:
        if request.frame.url.startswith(self.base) and not request.is_navigation_request():
            super()._asked(request)

    def press(self, title: str) -> None:
        self.page.goto(f"{self.base}/accounts/login/?next=/")
        self.page.get_by_role("button", name=title, exact=True).click()


@pytest.fixture
def person(browser: Any, site: str) -> Iterator[Person]:
    visitor = Person(browser, site)
    yield visitor
    visitor.context.close()


@pytest.mark.parametrize(
    ("title", "method"), [("Google", "google"), ("Okta", "okta_oauth"), ("Keycloak", "keycloak")]
)
def test_a_person_signs_on_by_openid(idp: OidcProvider, person: Person, title: str, method: str) -> None:
    idp.knows("ann", email="ann@example.com", email_verified=True, hd="example.com", name="Ann Lee")

    person.press(title)
    person.page.fill("input[name=sub]", "ann")
    person.page.get_by_role("button", name="Authorize").first.click()
    person.page.wait_for_url(f"{person.base}/")

    assert "ann@example.com" in person.page.inner_text("main")
    event = LoginEvent.objects.get()
    assert (event.success, event.login_method) == (True, method)
    assert "Chrome" in event.browser
    assert person.complaints == []


@pytest.mark.skipif(saml.XMLSEC is None, reason="There is no xmlsec1 here: sign-on by SAML is not tested.")
def test_a_person_signs_on_by_saml(person: Person) -> None:
    person.press("Okta (SAML)")
    person.page.click("#go")
    person.page.wait_for_url(f"{person.base}/")

    assert "ann@example.com" in person.page.inner_text("main")
    assert LoginEvent.objects.get().login_method == "okta_saml"
    assert person.complaints == []


def test_a_person_signs_in_by_password_and_out_again(person: Person) -> None:
    User.objects.create_user("ann@example.com", PASSWORD)

    person.page.goto(f"{person.base}/accounts/login/")
    person.take_picture("login")
    person.page.fill("#id_login", "ann@example.com")
    person.page.fill("#id_password", PASSWORD)
    person.page.get_by_role("button", name="Sign in", exact=True).click()
    person.page.wait_for_url(f"{person.base}/")
    person.page.locator("summary").click()
    person.page.get_by_role("button", name="Sign out").click()
    person.page.wait_for_url(f"{person.base}/accounts/login/")

    assert LoginEvent.objects.get().login_method == "email"
    assert person.complaints == []


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "boss@example.com", "email_verified": True},
        {"email": "boss@example.com", "email_verified": True, "hd": "example.org"},
        {"email": "boss@example.com", "email_verified": False, "hd": "example.com"},
    ],
    ids=["private account", "another company's", "unverified"],
)
def test_google_speaks_for_the_domains_it_runs_alone(
    idp: OidcProvider, person: Person, admin: User, claims: dict[str, Any]
) -> None:
    """A private Google account may have an address of a company that its owner left long ago."""
    idp.knows("mallory", **claims)

    person.press("Google")
    person.page.fill("input[name=sub]", "mallory")
    person.page.get_by_role("button", name="Authorize").first.click()

    person.page.get_by_text("Google has not verified your e-mail address").wait_for()
    assert LoginEvent.objects.get().failure_reason == "unverified_email"
    person.expect_status(403)
    assert person.complaints == []


def test_the_browser_goes_to_no_other_provider(
    idp: OidcProvider,
    settings: Any,
    live_server: Any,
    browser: Any,
) -> None:
    settings.SIGN_ON = [replace(okta(idp.url), address="https://elsewhere.example.com")]
    visitor = Person(browser, live_server.url)

    visitor.press("Okta")
    visitor.page.wait_for_timeout(500)

    assert visitor.page.url.startswith(live_server.url)
    assert any("form-action" in complaint for complaint in visitor.complaints)
    visitor.context.close()
