"""Limits how often a password may be tried, and a sign-on begun, on every page that does either.

Not allauth's own limits: theirs need a lock in the cache, so that nobody would get in while Redis is away, and the
administration's login knows nothing of them.

A name is counted together with the network that the tries come from, so that nobody keeps somebody else out from
elsewhere; and alone, with a higher limit, against guesses from many networks. A browser that has logged in with that
name before has a counter of its own, and no other one stops it.
"""

import functools
import ipaddress
from collections.abc import Callable
from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from cortex.signon import tries
from cortex.signon.device import device_of, hash_of
from cortex.signon.tries import Limit
from tracking import log_login
from tracking.capture.client import client_ip

IPV6_PREFIX = 64  # what one subscriber has
# Of the page that a login leads back to. Stored in the session while somebody is at a provider.
MOST_NEXT_CHARACTERS = 2_000

LIMITS = {
    "pair": Limit(5, 300),  # a name from one network
    "name": Limit(50, 300),  # from all of them
    "device": Limit(5, 300),  # in a browser that has logged in with it
    "network": Limit(10, 60),
    "begin": Limit(60, 60),  # sign-ons begun or answered from one network
}
PREFIX = "tries"


def begin_try(request: HttpRequest, name: str) -> None:
    """Count a try before the password is looked at, so that many at once are not more than allowed.

    Raises ValidationError where there were too many, and records that.
    """
    # One after the other: what its own network is refused for does not count for the name everywhere.
    if not any(_is_passed(kind, key) for kind, key in _counters(request, name).items()):
        return
    log_login(
        success=False,
        identifier=name,
        login_method="email",
        failure_reason="too_many_attempts",
        request=request,
    )
    raise ValidationError("Too many failed login attempts. Try again later.", code="too_many_attempts")


def take_back(request: HttpRequest, name: str) -> None:
    """It was no failure. The others stay: a password of one's own must not pay for guesses at somebody else's."""
    for key in _counters(request, name).values():
        tries.take_back(key)


class AdminLoginForm(AdminAuthenticationForm):
    """The administration's own, within the limits."""

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username")
        if self.request is None or not name or not self.cleaned_data.get("password"):
            return super().clean()
        begin_try(self.request, name)
        cleaned = super().clean()
        take_back(self.request, name)
        return cleaned


View = Callable[..., HttpResponseBase]


def guards_old_password(view: View) -> View:
    """Around the administration's page for a new password: who has stolen a session could guess the old one there."""

    @functools.wraps(view)
    def within_limits(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        name = request.user.get_username()
        try:
            begin_try(request, name)
        except ValidationError as refusal:
            return _refusal(request, refusal.messages[0], 429)
        response = view(request, *args, **kwargs)
        form = (getattr(response, "context_data", None) or {}).get("form")
        if form is None or "old_password" not in form.errors:
            take_back(request, name)
        else:
            log_login(
                request.user,
                success=False,
                login_method="email",
                failure_reason="bad_password",
                request=request,
            )
        return response

    return within_limits


def limited(view: View) -> View:
    """Around a page by which a sign-on is begun or answered. Each may leave something in the session store."""

    @functools.wraps(view)
    def within_limits(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        network = network_of(request)
        if network and _is_passed("begin", f"{PREFIX}:begin:{network}"):
            return _refusal(request, "Too many sign-ins from your network. Try again in a minute.", 429)
        return view(request, *args, **kwargs)

    return within_limits


def begins_sign_on(view: View) -> View:
    """Around a page that sends people to a provider, and keeps in the session where they want to go to afterwards."""

    @functools.wraps(view)
    def with_a_short_way_back(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if max(len(sent.get("next", "")) for sent in (request.GET, request.POST)) > MOST_NEXT_CHARACTERS:
            return _refusal(request, "The address to go back to is too long. Begin on the sign-in page.", 400)
        return view(request, *args, **kwargs)

    return limited(with_a_short_way_back)


def _refusal(request: HttpRequest, sentence: str, status: int) -> HttpResponse:
    answer = render(request, "account/refused.html", {"sentence": sentence}, status=status)
    if status == 429:
        answer.headers["Retry-After"] = str(LIMITS["begin"].seconds)
    return answer


def _is_passed(kind: str, key: str) -> bool:
    return tries.count(key, LIMITS[kind]) > LIMITS[kind].most


def _counters(request: HttpRequest, name: str) -> dict[str, str]:
    """Kind of limit → the counter's key."""
    known_as = hash_of(name)
    if device := device_of(request, name):
        return {"device": f"{PREFIX}:device:{known_as}:{device}"}
    network = network_of(request)
    counters = {"pair": f"{PREFIX}:pair:{known_as}:{network}"}
    # Where the address is not known, all would share one counter of a network.
    if network:
        counters["network"] = f"{PREFIX}:network:{network}"
    return counters | {"name": f"{PREFIX}:name:{known_as}"}


def network_of(request: HttpRequest) -> str:
    """The client's address, of IPv6 its network; "" where it is not known."""
    address = client_ip(request) or ""
    if ":" in address:
        return str(ipaddress.ip_network(f"{address}/{IPV6_PREFIX}", strict=False))
    return address
