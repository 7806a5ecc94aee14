"""What a page of this site may load and do: its own files, and nothing else.

Forms may lead to the site, and to the providers that are configured for sign-on: a browser holds `form-action` against
the address that the answer to a form redirects to, too.

Django has a middleware for it from 6.0 on; this one serves 5.2 as well. https://www.w3.org/TR/CSP3/
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

HEADER = "Content-Security-Policy"
# No script or style within a page, so that what is smuggled into one does not run.
POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)


def policy() -> str:
    origins = sorted({provider.origin for provider in settings.SIGN_ON if provider.is_configured})
    return "; ".join((*POLICY, " ".join(("form-action 'self'", *origins))))


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault(HEADER, policy())
        return response

    return middleware
