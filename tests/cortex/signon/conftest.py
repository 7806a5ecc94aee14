"""Starts real providers, configures the site for them, and plays a browser's part with plain requests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from cortex.models import User
from cortex.signon import providers
from tests.cortex.signon import saml
from tests.cortex.signon.oidc import REALM, OidcProvider
from tests.cortex.signon.saml import SamlProvider
from tracking.models import LoginEvent

HOST = "localhost"
SITE = f"http://{HOST}"
PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _nothing_spooled(settings: Any, tmp_path: Path) -> None:
    """Gives each test its own spool: events deferred on a busy machine would arrive during the next test."""
    settings.TRACKING = settings.TRACKING | {"SPOOL_DIR": str(tmp_path / "spool"), "LOCK_TIMEOUT_MS": 10_000}


@pytest.fixture(scope="session")
def running_provider() -> Iterator[OidcProvider]:
    with OidcProvider().running() as running:
        yield running


@pytest.fixture
def idp(running_provider: OidcProvider) -> Iterator[OidcProvider]:
    yield running_provider
    running_provider.tamper = lambda claims: None


def okta(url: str) -> providers.Provider:
    names = ("OKTA_OIDC_URL", "OKTA_OIDC_CLIENT_ID", "OKTA_OIDC_CLIENT_SECRET")
    return providers.okta_oidc(dict(zip(names, (url, "cortex", "a-secret"), strict=True)))


def keycloak(url: str) -> providers.Provider:
    names = ("KEYCLOAK_URL", "KEYCLOAK_REALM", "KEYCLOAK_CLIENT_ID", "KEYCLOAK_CLIENT_SECRET")
    return providers.keycloak(
        dict(zip(names, (url, REALM.rpartition("/")[2], "cortex", "a-secret"), strict=True))
    )


def google() -> providers.Provider:
    names = ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")
    return providers.google(dict(zip(names, ("cortex", "a-secret"), strict=True)))


def okta_saml(entity_id: str, sso_url: str, certificate: str) -> providers.Provider:
    names = ("OKTA_SAML_ENTITY_ID", "OKTA_SAML_SSO_URL", "OKTA_SAML_CERTIFICATE")
    return providers.okta_saml(dict(zip(names, (entity_id, sso_url, certificate), strict=True)))


@pytest.fixture
def signon(settings: Any, idp: OidcProvider) -> OidcProvider:
    """Configures the site with Okta and Keycloak, for people at example.com."""
    settings.ALLOWED_HOSTS = [HOST]
    settings.SIGN_ON_DOMAINS = ["example.com"]
    settings.SIGN_ON = [okta(idp.url), keycloak(idp.url)]
    return idp


class Browser:
    """Follows redirects, and posts the site's forms with their tokens."""

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True, headers={"host": HOST})

    def begin(self, path: str) -> Any:
        """Presses a provider's button on the sign-in page."""
        page = self.client.get("/accounts/login/")
        token = page.context["csrf_token"]
        return self.client.post(path, {"csrfmiddlewaretoken": str(token)})

    def follow(self, address: str) -> Any:
        parts = urlsplit(address)
        assert parts.netloc in ("", HOST), address
        return self.client.get(f"{parts.path}?{parts.query}")

    def sign_on(self, idp: OidcProvider, sub: str, method: str = "okta_oauth", query: str = "") -> Any:
        """Signs in with OpenID from start to end. Returns the site's last response."""
        away = self.begin(f"/accounts/oidc/{method}/login/?process=login{query}")
        assert away.status_code == 302, away.content
        return self.follow(idp.sign_in(away.headers["Location"], sub))

    @property
    def user(self) -> Any:
        return self.client.session.get("_auth_user_id")


@pytest.fixture
def visitor(transactional_db: None) -> Browser:
    return Browser()


@pytest.fixture
def admin(transactional_db: None) -> User:
    return User.objects.create_superuser("boss@example.com", PASSWORD)


def only_event() -> LoginEvent:
    return LoginEvent.objects.get()


@pytest.fixture
def saml_provider(settings: Any, tmp_path: Path, visitor: Browser) -> Callable[..., SamlProvider]:
    """Makes an identity provider that knows the site by the metadata it publishes."""
    if saml.XMLSEC is None:
        pytest.skip("There is no xmlsec1 on this machine: sign-on by SAML is not tested.")
    settings.ALLOWED_HOSTS = [HOST]
    settings.SIGN_ON_DOMAINS = ["example.com"]
    sso_url = "http://127.0.0.1:9/sso"

    def make(*, trusted: bool = True, entity_id: str = saml.ENTITY_ID) -> SamlProvider:
        if not trusted:
            metadata = visitor.client.get("/accounts/saml/okta/metadata/").content.decode()
            return SamlProvider(tmp_path / "other", metadata, entity_id=entity_id, sso_url=sso_url)
        settings.SIGN_ON = [okta_saml(entity_id, sso_url, saml.key_in(tmp_path / "idp"))]
        metadata = visitor.client.get("/accounts/saml/okta/metadata/").content.decode()
        return SamlProvider(tmp_path / "idp", metadata, entity_id=entity_id, sso_url=sso_url)

    return make
