"""Replaces allauth's views at the sign-in page and at two SAML addresses: the response's and the single logout's."""

from typing import Any

from allauth.account.views import LoginView as AllauthLoginView
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

from cortex.signon.adapters import INVALID_ADDRESS
from cortex.signon.leads_to import name_of
from cortex.signon.provider_faults import FROM_OUTSIDE
from cortex.signon.refusals import note_fault

MOST_BYTES = 256 * 1024  # a response with hundreds of groups is smaller
SECONDS_TO_FINISH = 300
# Replaces a response that is not signed. allauth rejects it like any other invalid response.
INVALID_RESPONSE = "-"


class LoginView(AllauthLoginView):
    def get_form(self, form_class: Any = None) -> Any:
        form = super().get_form(form_class)
        form.fields["login"].error_messages["invalid"] = INVALID_ADDRESS
        return form

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Adds the name of the page that follows, if the address is one of this site."""
        return super().get_context_data(**context) | {"leads_to": name_of(self.get_next_url() or "")}


@csrf_exempt
def saml_acs(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Keeps a provider's response until the browser returns with its cookie, which another site's form does not send.

    Anybody may post here. allauth's own view keeps every request for a week, even if SAML is off. This one keeps only
    responses that the provider has signed, for 5 minutes.
    """
    app = get_app_or_404(request, organization_slug)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if len(request.body) > MOST_BYTES:
        return HttpResponse("Not a SAML response.", status=413, content_type="text/plain")
    is_signed = _is_signed(request, app.get_provider(request))
    saml_response = request.POST.get("SAMLResponse", "") if is_signed else INVALID_RESPONSE
    request.POST = QueryDict(urlencode({"SAMLResponse": saml_response}))
    response = HttpResponseRedirect(reverse("saml_finish_acs", args=[organization_slug]))
    session = LoginSession(request, "saml_acs_session", "saml-acs-session")
    session.store.set_expiry(SECONDS_TO_FINISH)
    # Private API: allauth's view `finish_acs` reads the request in this format. If it changes, this breaks first:
    # tests/cortex/signon/test_saml.py::test_somebody_of_an_allowed_domain_becomes_a_user
    session.store["request"] = httpkit.serialize_request(request)
    session.save(response)
    return response


def _is_signed(request: HttpRequest, provider: Any) -> bool:
    """Whether the provider signed the response, for this site and the present time.

    allauth checks later, when the browser returns with its session, whether it answers a request of this browser.
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
    """Answers 404. allauth's own view accepts unsigned requests, so any link could sign people out."""
    raise Http404
