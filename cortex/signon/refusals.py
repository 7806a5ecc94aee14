"""A sign-on that does not come about: one sentence for the person, one row in `login_events`, nothing else."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from requests import RequestException

from tracking import log_login

logger = logging.getLogger("cortex.signon")

# {title} is the provider's, {domain} that of the e-mail address.
SENTENCES = {
    "unverified_email": "{title} does not vouch for your e-mail address, so it cannot tell us who you are.",
    "domain_not_allowed": (
        "People with an e-mail address of “{domain}” need an account before they can sign in; ask an administrator."
    ),
    "inactive": "Your account may not log in; ask an administrator.",
    "linked_otherwise": (
        "Your account belongs to another account at {title} than the one you have just used; ask an administrator."
    ),
    "state_mismatch": "This sign-in was begun elsewhere, or too long ago, or was used already. Begin again.",
    "unsolicited": "{title} sent you here without being asked. Begin on this page.",
    "provider_down": "{title} does not answer as it should. Try again in a while, or sign in another way.",
    "bad_answer": "What {title} answered cannot be believed. Try again; if it stays so, tell an administrator.",
    "cancelled": "You did not sign in at {title}.",
    "not_offered": "A {title} account cannot be used for that here.",
}


class Refusal(Exception):
    """Raised where a sign-on must not go on. `identifier` is whose it claims to be, as far as that is known."""

    def __init__(self, reason: str, *, identifier: str = "", user: Any = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.identifier = identifier
        self.user = user


def answer(request: HttpRequest, provider: Any, refusal: Refusal) -> HttpResponse:
    log_login(
        success=False,
        user=refusal.user,
        identifier=refusal.identifier,
        login_method=provider.sub_id,
        failure_reason=refusal.reason,
        request=request,
    )
    domain = refusal.identifier.rpartition("@")[2]
    sentence = SENTENCES[refusal.reason].format(title=provider.name, domain=domain)
    return render(request, "account/refused.html", {"sentence": sentence}, status=403)


def reason_of(exception: Exception | None, context: dict[str, Any]) -> str:
    """Why allauth could not complete a sign-on, from what it says of it."""
    if isinstance(exception, RequestException):
        return "provider_down"
    if isinstance(exception, PermissionDenied) or "state_id" in context:
        return "state_mismatch"
    # What the provider said (`error=…`), an answer in SAML that fails its checks, a token that is none.
    return "bad_answer" if exception is not None or context else "unsolicited"


def note_fault(provider: Any, reason: str, exception: Exception | None, context: dict[str, Any]) -> None:
    """For whoever looks after the site: what stands behind “does not answer” or “cannot be believed”, in one line."""
    said = exception or context.get("saml_last_error_reason") or context.get("saml_errors") or ""
    line = " ".join(str(said).split())[:300]
    logger.warning("Sign-on by %s: %s %s", provider.sub_id, reason, f"({line})" if line else "")
    logger.debug("Sign-on by %s", provider.sub_id, exc_info=exception)
