"""What the site does otherwise than allauth at the addresses of SAML."""

from allauth.core.internal import httpkit
from allauth.socialaccount.providers.saml.utils import get_app_or_404
from allauth.socialaccount.sessions import LoginSession
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

MOST_BYTES = 256 * 1024  # a response with hundreds of groups has fewer
SECONDS_TO_FINISH = 300


@csrf_exempt
def saml_acs(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Keep a provider's response until the browser comes with its cookie, which another site's form does not send.

    Anybody may post here, and allauth's own view keeps whatever comes for a week, whether or not SAML is on.
    """
    get_app_or_404(request, organization_slug)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if len(request.body) > MOST_BYTES:
        return HttpResponse("This is no response of SAML.", status=413, content_type="text/plain")
    response = HttpResponseRedirect(reverse("saml_finish_acs", args=[organization_slug]))
    kept = LoginSession(request, "saml_acs_session", "saml-acs-session")
    kept.store.set_expiry(SECONDS_TO_FINISH)
    kept.store["request"] = httpkit.serialize_request(request)
    kept.save(response)
    return response


def no_single_logout(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """allauth's own would believe an unsigned request, and so any link could log people out."""
    raise Http404
