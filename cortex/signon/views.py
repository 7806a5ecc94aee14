"""What the site does otherwise than allauth at the addresses of SAML."""

from typing import Any

from allauth.core.internal import httpkit
from allauth.socialaccount.providers.saml.utils import build_auth, get_app_or_404
from allauth.socialaccount.sessions import LoginSession
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    QueryDict,
)
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.csrf import csrf_exempt

from cortex.signon.provider_faults import FROM_OUTSIDE
from cortex.signon.refusals import note_fault

MOST_BYTES = 256 * 1024  # a response with hundreds of groups has fewer
SECONDS_TO_FINISH = 300


# What stands in for a response that nobody has signed: allauth refuses it, and says so as of any other.
UNBELIEVABLE = "-"


@csrf_exempt
def saml_acs(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Keep a provider's response until the browser comes with its cookie, which another site's form does not send.

    Anybody may post here, and allauth's own view keeps whatever comes for a week, whether or not SAML is on. Here only
    what the provider has signed is kept.
    """
    app = get_app_or_404(request, organization_slug)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if len(request.body) > MOST_BYTES:
        return HttpResponse("Not a SAML response.", status=413, content_type="text/plain")
    is_believable = _is_signed(request, app.get_provider(request))
    signed = request.POST.get("SAMLResponse", "") if is_believable else UNBELIEVABLE
    request.POST = QueryDict(urlencode({"SAMLResponse": signed}))
    response = HttpResponseRedirect(reverse("saml_finish_acs", args=[organization_slug]))
    kept = LoginSession(request, "saml_acs_session", "saml-acs-session")
    kept.store.set_expiry(SECONDS_TO_FINISH)
    kept.store["request"] = httpkit.serialize_request(request)
    kept.save(response)
    return response


def _is_signed(request: HttpRequest, provider: Any) -> bool:
    """Whether the provider has signed the response, for this site and this moment.

    Whether it answers a request of this browser's is checked afterwards, when the browser comes with its session.
    """
    auth = build_auth(request, provider)
    try:
        auth.process_response(request_id=None)
        reason = auth.get_last_error_reason() if auth.get_errors() else None
    except FROM_OUTSIDE as error:
        reason = str(error)
    if reason is not None:
        note_fault(provider, "bad_answer", None, {"saml_last_error_reason": reason})
    return reason is None


def no_single_logout(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """allauth's own would believe an unsigned request, and so any link could log people out."""
    raise Http404
