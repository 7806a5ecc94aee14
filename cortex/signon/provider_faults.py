"""Answers errors that allauth does not catch: providers that are down, and malformed responses."""

from collections.abc import Callable
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base import AuthError
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.core.exceptions import PermissionDenied
from django.db import DataError, IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from onelogin.saml2.errors import OneLogin_Saml2_Error
from requests import RequestException

# allauth reads responses as if they always had the shape that the standard requires. These errors show they do not.
FROM_OUTSIDE = (
    RequestException, OAuth2Error, OneLogin_Saml2_Error, PermissionDenied, LookupError, ValueError, TypeError,
    AttributeError, SyntaxError, DataError, IntegrityError,
)  # fmt: skip


def answer_faults(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        return get_response(request)

    middleware.process_exception = _process_exception  # type: ignore[attr-defined]
    return middleware


def _process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    provider_and_client = _requested_provider(request)
    if provider_and_client is None:
        return None
    if isinstance(exception, SocialApp.DoesNotExist):
        raise Http404("This sign-on provider is not configured.")
    if not isinstance(exception, FROM_OUTSIDE):
        return None
    adapter: Any = get_adapter(request)
    try:
        provider = adapter.get_provider(request, *provider_and_client)
        adapter.on_authentication_error(request, provider, error=AuthError.UNKNOWN, exception=exception)
    except ImmediateHttpResponse as answer:
        return answer.response
    except SocialApp.DoesNotExist:
        return None
    return None


def _requested_provider(request: HttpRequest) -> tuple[str, str | None] | None:
    """Returns (provider, client id) from the address, as `get_provider` takes them; None on any other page."""
    match = request.resolver_match
    if match is None or not match.url_name:
        return None
    protocol = match.url_name.rpartition("_")[0]
    if match.url_name.startswith("saml_"):
        return "saml", match.kwargs.get("organization_slug")
    if protocol == "openid_connect":
        return match.kwargs["provider_id"], None
    return ("google", None) if protocol == "google" else None
