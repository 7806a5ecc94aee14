"""What allauth lets fall through on its way to a provider and back: a provider that is away, an answer that is none."""

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

# What comes from outside has not always the shape that the standard promises, and allauth takes it apart as if it had.
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
    wanted = _wanted_provider(request)
    if wanted is None:
        return None
    if isinstance(exception, SocialApp.DoesNotExist):
        raise Http404("This provider is not configured.")
    if not isinstance(exception, FROM_OUTSIDE):
        return None
    adapter: Any = get_adapter(request)
    try:
        provider = adapter.get_provider(request, *wanted)
        adapter.on_authentication_error(request, provider, error=AuthError.UNKNOWN, exception=exception)
    except ImmediateHttpResponse as answer:
        return answer.response
    except SocialApp.DoesNotExist:
        return None
    return None


def _wanted_provider(request: HttpRequest) -> tuple[str, str | None] | None:
    """(provider, client id) by the address, as `get_provider` takes them; None on any other page."""
    match = request.resolver_match
    if match is None or not match.url_name:
        return None
    protocol = match.url_name.rpartition("_")[0]
    if match.url_name.startswith("saml_"):
        return "saml", match.kwargs.get("organization_slug")
    if protocol == "openid_connect":
        return match.kwargs["provider_id"], None
    return ("google", None) if protocol == "google" else None
