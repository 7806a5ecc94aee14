"""Defines the providers that people may sign in with. A provider is off until all of its variables are set.

The settings import this module, so it must not import models.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

GOOGLE_ADDRESS = "https://accounts.google.com"
# Our attributes → the names that Okta's SAML applications, and others, send them under.
SAML_ATTRIBUTES = {
    "uid": ["urn:oasis:names:tc:SAML:attribute:subject-id"],
    "email": [
        "email",
        "urn:oid:0.9.2342.19200300.100.1.3",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    ],
    "email_verified": ["email_verified"],
    "first_name": [
        "firstName",
        "urn:oid:2.5.4.42",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname",
    ],
    "last_name": [
        "lastName",
        "urn:oid:2.5.4.4",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname",
    ],
}


@dataclass(frozen=True, slots=True)
class Provider:
    """`method` names the provider in `login_events` and in its addresses on this site."""

    title: str
    method: str
    protocol: str  # allauth's name for it
    variables: Mapping[str, str]  # name → value, all required
    client_id: str
    secret: str = ""
    settings: Mapping[str, Any] | None = None
    address: str = ""  # where the browser is sent to

    @property
    def is_configured(self) -> bool:
        return all(self.variables.values())

    @property
    def missing(self) -> list[str]:
        """The variables that are not set, if some of this provider are; else []."""
        unset = [name for name, value in self.variables.items() if not value]
        return unset if len(unset) < len(self.variables) else []

    @property
    def origin(self) -> str:
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"


def google(variables: Mapping[str, str]) -> Provider:
    client_id, secret = variables.values()
    settings = {"scope": ["openid", "email", "profile"], "oauth_pkce_enabled": True}
    return Provider("Google", "google", "google", variables, client_id, secret, settings, GOOGLE_ADDRESS)


def okta_oidc(variables: Mapping[str, str]) -> Provider:
    url, client_id, secret = variables.values()
    return _oidc("Okta", "okta_oauth", variables, url, client_id, secret)


def keycloak(variables: Mapping[str, str]) -> Provider:
    url, realm, client_id, secret = variables.values()
    return _oidc("Keycloak", "keycloak", variables, f"{url}/realms/{realm}", client_id, secret)


def okta_saml(variables: Mapping[str, str]) -> Provider:
    entity_id, sso_url, certificate = variables.values()
    settings = {
        "attribute_mapping": SAML_ATTRIBUTES,
        "idp": {"entity_id": entity_id, "sso_url": sso_url, "x509cert": certificate},
        "advanced": {
            # The assertion must be signed itself, because it is what we trust. The message must be signed too, because
            # it names the request that it answers.
            "want_assertion_signed": True,
            "want_message_signed": True,
            # An unrequested response could sign a person in to a stranger's account.
            "reject_idp_initiated_sso": True,
            "allow_single_label_domains": True,  # a site may be called https://cortex/
        },
    }
    return Provider(
        "Okta (SAML)", "okta_saml", "saml", variables, "okta", settings=settings, address=sso_url
    )  # for SAML the client id is only the name in the addresses: /accounts/saml/okta/…


def _oidc(
    title: str, method: str, variables: Mapping[str, str], url: str, client_id: str, secret: str
) -> Provider:
    settings = {"server_url": url, "oauth_pkce_enabled": True}
    return Provider(title, method, "openid_connect", variables, client_id, secret, settings, url)
