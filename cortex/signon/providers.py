"""The providers that people may sign on with. Each is off until all of its variables are set.

Read by the settings, so nothing of Django's models may be imported here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

GOOGLE_ADDRESS = "https://accounts.google.com"
# Where Okta's SAML applications, and others, put what we ask for.
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
    """`method` is what a login is called in `login_events`, and what stands in the provider's addresses."""

    title: str
    method: str
    protocol: str  # allauth's name of it
    variables: Mapping[str, str]  # all of them are needed
    client_id: str
    secret: str = ""
    settings: Mapping[str, Any] | None = None
    address: str = ""  # where the browser is sent to

    @property
    def is_configured(self) -> bool:
        return all(self.variables.values())

    @property
    def missing(self) -> list[str]:
        """What to set, where something else of this provider is set."""
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
            # What is believed must be signed itself, not only the envelope that it comes in; and the envelope as well,
            # which says whose question it answers.
            "want_assertion_signed": True,
            "want_message_signed": True,
            # An answer that nobody asked for could be somebody else's: a stranger's account, offered to be used.
            "reject_idp_initiated_sso": True,
            "allow_single_label_domains": True,  # a site may be called https://cortex/
        },
    }
    return Provider(
        "Okta (SAML)", "okta_saml", "saml", variables, "okta", settings=settings, address=sso_url
    )  # the client's id is but the name in the addresses: /accounts/saml/okta/…


def _oidc(
    title: str, method: str, variables: Mapping[str, str], url: str, client_id: str, secret: str
) -> Provider:
    settings = {"server_url": url, "oauth_pkce_enabled": True}
    return Provider(title, method, "openid_connect", variables, client_id, secret, settings, url)
