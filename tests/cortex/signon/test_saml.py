"""Signs in with SAML (Okta) against a real identity provider, and attacks the site as a false one."""

import base64
import copy
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from lxml import etree

from cortex.models import User
from tests.cortex.signon import saml
from tests.cortex.signon.conftest import HOST, Browser, only_event
from tests.cortex.signon.saml import SamlProvider
from tracking.models import LoginEvent

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        saml.XMLSEC is None, reason="There is no xmlsec1 on this machine: sign-on by SAML is not tested."
    ),
]
ANN = {"mail": "ann@example.com", "givenName": "Ann", "sn": "Lee"}
MakeProvider = Callable[..., SamlProvider]
ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}"


def asked_by(visitor: Browser, provider: SamlProvider) -> Any:
    """Presses the button. Returns what the site asks of the provider."""
    away = visitor.begin("/accounts/saml/okta/login/?process=login")
    assert away.headers["Location"].startswith(provider.sso_url)
    return provider.request_in(away.headers["Location"])


def deliver(visitor: Browser, response: str) -> Any:
    """Posts a response from the provider's page as a browser does: without the site's cookies and token."""
    answer = visitor.client.post("/accounts/saml/okta/acs/", {"SAMLResponse": response})
    return visitor.follow(answer.headers["Location"])


def refused(visitor: Browser, answer: Any, reason: str) -> None:
    assert (answer.status_code, visitor.user) == (403, None)
    event = only_event()
    assert (event.success, event.login_method, event.failure_reason) == (False, "okta_saml", reason)


def changed(response: str, change: Callable[[Any], Any]) -> str:
    document = etree.fromstring(base64.b64decode(response))
    change(document)
    return base64.b64encode(etree.tostring(document)).decode()


def test_somebody_of_an_allowed_domain_becomes_a_user(saml_provider: MakeProvider, visitor: Browser) -> None:
    provider = saml_provider()

    answer = deliver(visitor, provider.answer(asked_by(visitor, provider), "ann", **ANN))

    user = User.objects.get()
    assert answer.headers["Location"] == "/"
    assert visitor.user == str(user.pk)
    assert (user.email, user.first_name, user.last_name) == ("ann@example.com", "Ann", "Lee")
    assert not user.is_staff
    event = only_event()
    assert (event.success, event.login_method, event.user) == (True, "okta_saml", user)


def test_the_second_time_it_is_the_same_user(saml_provider: MakeProvider, visitor: Browser) -> None:
    provider = saml_provider()
    deliver(visitor, provider.answer(asked_by(visitor, provider), "ann", **ANN))

    again = Browser()
    deliver(again, provider.answer(asked_by(again, provider), "ann", **(ANN | {"mail": "new@example.com"})))

    assert again.user == visitor.user


def test_a_response_is_good_for_one_use(saml_provider: MakeProvider, visitor: Browser) -> None:
    provider = saml_provider()
    response = provider.answer(asked_by(visitor, provider), "ann", **ANN)
    deliver(visitor, response)
    visitor.client.logout()

    answer = deliver(visitor, response)

    assert (answer.status_code, visitor.user) == (403, None)
    assert "was used already" in answer.content.decode()
    assert LoginEvent.objects.latest("pk").failure_reason == "state_mismatch"


def test_a_stolen_response_is_worth_nothing_in_another_browser(
    saml_provider: MakeProvider, visitor: Browser
) -> None:
    provider = saml_provider()
    response = provider.answer(asked_by(Browser(), provider), "ann", **ANN)

    refused(visitor, deliver(visitor, response), "state_mismatch")


def test_a_response_that_nobody_asked_for_is_refused(saml_provider: MakeProvider, visitor: Browser) -> None:
    provider = saml_provider()
    request = asked_by(visitor, provider)
    request.id = None

    refused(visitor, deliver(visitor, provider.answer(request, "ann", **ANN)), "unsolicited")


def test_an_assertion_that_nobody_asked_for_is_worth_nothing_in_another_envelope(
    saml_provider: MakeProvider, visitor: Browser
) -> None:
    provider = saml_provider()
    request = asked_by(visitor, provider)
    mine, request.id = request.id, None
    stolen = provider.answer(request, "ann", sign_envelope=False, **ANN)

    answer = deliver(visitor, changed(stolen, lambda envelope: envelope.set("InResponseTo", mine)))

    refused(visitor, answer, "bad_answer")


def test_what_nobody_can_use_is_not_kept(
    saml_provider: MakeProvider, visitor: Browser, settings: Any
) -> None:
    provider = saml_provider()
    response = provider.answer(asked_by(visitor, provider), "ann", **ANN)
    before = set(Session.objects.values_list("pk", flat=True))

    assert visitor.client.get("/accounts/saml/okta/acs/").status_code == 405
    assert visitor.client.post("/accounts/saml/nobody/acs/", {"SAMLResponse": response}).status_code == 404
    assert visitor.client.post("/accounts/saml/okta/acs/", {"SAMLResponse": "x" * 300_000}).status_code == 413
    assert set(Session.objects.values_list("pk", flat=True)) == before

    visitor.client.post("/accounts/saml/okta/acs/", {"SAMLResponse": response})
    kept = Session.objects.exclude(pk__in=before).get()
    assert kept.expire_date < timezone.now() + dt.timedelta(seconds=301)
    settings.SIGN_ON = []
    assert visitor.client.post("/accounts/saml/okta/acs/", {"SAMLResponse": response}).status_code == 404


def test_what_the_provider_has_not_signed_is_not_kept(saml_provider: MakeProvider, visitor: Browser) -> None:
    """Anybody may post a response without a request."""
    saml_provider()
    stranger = saml_provider(trusted=False)
    by_a_stranger = stranger.answer(asked_by(visitor, stranger), "ann", **ANN)
    Session.objects.all().delete()
    unsigned = base64.b64encode(b"<x>" + b"y" * 150_000 + b"</x>").decode()
    for response in (unsigned, by_a_stranger, "?" * 200_000, ""):
        sent = {"SAMLResponse": response, "RelayState": "z" * 20_000}
        assert Client(headers={"host": HOST}).post("/accounts/saml/okta/acs/", sent).status_code == 302

    assert Session.objects.count() == 4
    assert max(map(len, Session.objects.values_list("session_data", flat=True))) < 4_000


def test_another_key_is_not_believed(saml_provider: MakeProvider, visitor: Browser) -> None:
    provider = saml_provider()
    stranger = saml_provider(trusted=False)

    answer = deliver(visitor, stranger.answer(asked_by(visitor, provider), "ann", **ANN))

    refused(visitor, answer, "bad_answer")


def test_no_signature_is_not_believed(saml_provider: MakeProvider, visitor: Browser) -> None:
    provider = saml_provider()

    answer = deliver(visitor, provider.answer(asked_by(visitor, provider), "ann", sign=False, **ANN))

    refused(visitor, answer, "bad_answer")


def test_another_issuer_is_not_believed(saml_provider: MakeProvider, visitor: Browser, settings: Any) -> None:
    """The key is the same, as at a provider that serves several companies."""
    provider = saml_provider(entity_id="http://idp.example.com/another")
    known = settings.SIGN_ON[0]
    idp = known.settings["idp"] | {"entity_id": saml.ENTITY_ID}
    known.settings["idp"] = idp

    refused(
        visitor, deliver(visitor, provider.answer(asked_by(visitor, provider), "ann", **ANN)), "bad_answer"
    )


def test_a_response_for_another_site_is_not_believed(saml_provider: MakeProvider, visitor: Browser) -> None:
    provider = saml_provider()
    request = asked_by(visitor, provider)

    answer = deliver(visitor, provider.answer(request, "ann", audience="http://other.example.com/", **ANN))

    refused(visitor, answer, "bad_answer")


def test_a_response_to_another_address_is_not_believed(saml_provider: MakeProvider, visitor: Browser) -> None:
    provider = saml_provider()
    request = asked_by(visitor, provider)
    request.assertion_consumer_service_url = "http://other.example.com/acs/"

    refused(visitor, deliver(visitor, provider.answer(request, "ann", **ANN)), "bad_answer")


def test_a_response_from_another_time_is_not_believed(saml_provider: MakeProvider, visitor: Browser) -> None:
    provider = saml_provider()
    request = asked_by(visitor, provider)
    provider.server.config.getattr("policy", "idp")._restrictions["default"]["lifetime"] = {"minutes": -10}

    refused(visitor, deliver(visitor, provider.answer(request, "ann", **ANN)), "bad_answer")


def test_what_was_changed_after_it_was_signed_is_not_believed(
    saml_provider: MakeProvider, visitor: Browser, admin: User
) -> None:
    provider = saml_provider()
    response = provider.answer(asked_by(visitor, provider), "mallory", mail="mallory@example.com")

    def become_admin(document: Any) -> None:
        for value in document.iter(f"{ASSERTION}AttributeValue"):
            value.text = admin.email

    refused(visitor, deliver(visitor, changed(response, become_admin)), "bad_answer")


@pytest.mark.parametrize("first", [True, False])
def test_an_assertion_beside_the_signed_one_is_not_believed(
    saml_provider: MakeProvider, visitor: Browser, admin: User, first: bool
) -> None:
    """Signature wrapping: the signature is valid, but for another part than the one that is read."""
    provider = saml_provider()
    response = provider.answer(asked_by(visitor, provider), "mallory", mail="mallory@example.com")

    def wrap(document: Any) -> None:
        signed = document.find(f"{ASSERTION}Assertion")
        forged = copy.deepcopy(signed)
        forged.set("ID", "forged")
        forged.remove(forged.find("{http://www.w3.org/2000/09/xmldsig#}Signature"))
        for value in forged.iter(f"{ASSERTION}AttributeValue"):
            value.text = admin.email
        document.insert(document.index(signed) + (0 if first else 1), forged)

    refused(visitor, deliver(visitor, changed(response, wrap)), "bad_answer")


@pytest.mark.parametrize(
    "response",
    ["", "!", base64.b64encode(b"no xml").decode(), base64.b64encode(b"<a/>").decode(), "A" * 100_001],
    ids=["empty", "no base64", "no xml", "other xml", "long"],
)
def test_what_is_no_response_is_refused_and_no_error_of_the_server(
    saml_provider: MakeProvider, visitor: Browser, response: str
) -> None:
    saml_provider()

    refused(visitor, deliver(visitor, response), "bad_answer")


def test_an_entity_within_the_xml_is_not_expanded(saml_provider: MakeProvider, visitor: Browser) -> None:
    saml_provider()
    bomb = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>'

    refused(visitor, deliver(visitor, base64.b64encode(bomb).decode()), "bad_answer")


def test_without_a_response_there_is_nothing_to_finish(saml_provider: MakeProvider, visitor: Browser) -> None:
    saml_provider()

    refused(visitor, visitor.client.get("/accounts/saml/okta/acs/finish/"), "unsolicited")


def test_the_provider_speaks_for_its_own_domains_alone(
    saml_provider: MakeProvider, visitor: Browser, settings: Any
) -> None:
    """SAML does not verify addresses, so it must not reach existing users of other domains."""
    provider = saml_provider()
    User.objects.create_superuser("boss@example.org")

    answer = deliver(visitor, provider.answer(asked_by(visitor, provider), "m", mail="boss@example.org"))

    refused(visitor, answer, "unverified_email")


def test_an_address_that_the_provider_itself_calls_unverified_is_nobody(
    saml_provider: MakeProvider, visitor: Browser, admin: User
) -> None:
    provider = saml_provider()
    response = provider.answer(
        asked_by(visitor, provider), "m", mail="boss@example.com", email_verified="false"
    )

    refused(visitor, deliver(visitor, response), "unverified_email")


def test_an_inactive_user_does_not_come_in(saml_provider: MakeProvider, visitor: Browser) -> None:
    provider = saml_provider()
    User.objects.create_user("ann@example.com", is_active=False)

    refused(visitor, deliver(visitor, provider.answer(asked_by(visitor, provider), "ann", **ANN)), "inactive")


def test_the_way_back_cannot_be_led_elsewhere_by_the_provider(
    saml_provider: MakeProvider, visitor: Browser
) -> None:
    provider = saml_provider()
    response = provider.answer(asked_by(visitor, provider), "ann", **ANN)

    answer = visitor.client.post(
        "/accounts/saml/okta/acs/",
        {"SAMLResponse": response, "RelayState": "https://evil.example.org/"},
    )

    assert visitor.follow(answer.headers["Location"]).headers["Location"] == "/"


def test_no_link_logs_anybody_out(saml_provider: MakeProvider, visitor: Browser) -> None:
    provider = saml_provider()
    deliver(visitor, provider.answer(asked_by(visitor, provider), "ann", **ANN))

    answer = visitor.client.get("/accounts/saml/okta/sls/", {"SAMLRequest": "x"})

    assert answer.status_code == 404
    assert visitor.user
