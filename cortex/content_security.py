"""Sends a Content-Security-Policy that allows pages to load only the site's own files.

Forms may lead to the site and to the configured sign-on providers, because browsers also apply `form-action` to the
address that a form's response redirects to.

Django has a middleware for this since 6.0; this one also works on 5.2. https://www.w3.org/TR/CSP3/
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

HEADER = "Content-Security-Policy"
# No inline scripts and styles, so that code injected into a page does not run.
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
