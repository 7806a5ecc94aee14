"""Rejects a sign-on with one sentence for the person and one row in `login_events`."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from requests import RequestException

from tracking import log_login

logger = logging.getLogger("cortex.signon")

# {title} is the provider's name, {domain} the domain of the e-mail address.
SENTENCES = {
    "unverified_email": (
        "{title} has not verified your e-mail address. Verify it at {title}, or ask an administrator."
    ),
    "domain_not_allowed": (
        "People with an e-mail address at “{domain}” need an account before they can sign in. Ask an administrator."
    ),
    "inactive": "Your account is deactivated. Ask an administrator.",
    "linked_otherwise": (
        "Your account is linked to another {title} account than the one you just used. Ask an administrator."
    ),
    "state_mismatch": (
        "This sign-in was started in another browser or too long ago, or was used already. Start again."
    ),
    "unsolicited": "{title} sent a response that this site did not request. Start on the sign-in page.",
    "provider_down": "{title} does not respond correctly. Try again later, or sign in another way.",
    "bad_answer": "The response of {title} is invalid. Try again; if it fails again, tell an administrator.",
    "cancelled": "You did not sign in at {title}. Try again, or sign in another way.",
    "not_offered": "This site cannot link a {title} account to your account. Sign in with {title} instead.",
}


class Refusal(Exception):
    """Raised to reject a sign-on. `reason` is a key of SENTENCES; `identifier` the claimed e-mail address or ""."""

    def __init__(self, reason: str, *, identifier: str = "", user: Any = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.identifier = identifier
        self.user = user


def answer(request: HttpRequest, provider: Any, refusal: Refusal) -> HttpResponse:
    """Records the failed login and returns the page, with status 403."""
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
    """Derives the reason of a failed sign-on from the error and the context that allauth reports."""
    if isinstance(exception, RequestException):
        return "provider_down"
    if isinstance(exception, PermissionDenied) or "state_id" in context:
        return "state_mismatch"
    # An error of the provider (`error=…`), a SAML response that fails its checks, an invalid token.
    return "bad_answer" if exception is not None or context else "unsolicited"


def note_fault(provider: Any, reason: str, exception: Exception | None, context: dict[str, Any]) -> None:
    """Logs the cause of a failed sign-on in one line, for operators; the traceback at level DEBUG."""
    cause = exception or context.get("saml_last_error_reason") or context.get("saml_errors") or ""
    line = " ".join(str(cause).split())[:300]
    logger.warning("Sign-on with %s: %s %s", provider.sub_id, reason, f"({line})" if line else "")
    logger.debug("Sign-on with %s", provider.sub_id, exc_info=exception)
