"""Limits how often people try passwords and start sign-ons, on every page that does either.

allauth's own limits do not do: they need a lock in the cache, so nobody could sign in while Redis is away, and the
admin's login page does not apply them.

A name is counted together with the network that the tries come from, so that nobody can lock another person out from
elsewhere. It is also counted alone, with a higher limit, against guesses from many networks. A browser that has signed
in with the name before has a counter of its own, and the others do not apply to it.
"""

import functools
import ipaddress
from collections.abc import Callable
from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from cortex.signon import tries
from cortex.signon.device import device_of, hash_of
from cortex.signon.tries import Limit
from tracking import log_login
from tracking.capture.client import client_ip

IPV6_PREFIX = 64  # the network of one subscriber
# The longest address to return to after signing in. It is in the session while the person is at the provider.
MOST_NEXT_CHARACTERS = 2_000

LIMITS = {
    "pair": Limit(5, 300),  # a name from one network
    "name": Limit(50, 300),  # a name from all networks
    "device": Limit(5, 300),  # a name in a browser that has signed in with it
    "network": Limit(10, 60),
    "begin": Limit(60, 60),  # sign-ons started or answered from one network
    "reset": Limit(10, 600),  # mails for a new password that one network asks for
    "mail": Limit(3, 3600),  # mails for a new password to one address; it need not have an account
}
PREFIX = "tries"
# The field's names in Django's form and in allauth's.
OLD_PASSWORD = {"old_password", "oldpassword"}


def begin_try(request: HttpRequest, name: str) -> None:
    """Counts a try before the password is checked, so that simultaneous tries cannot pass the limit.

    Raises ValidationError after too many tries, and records a failed login.
    """
    # `any` stops at the first counter past its limit, so rejected tries of one network do not count for the name.
    if not any(_is_passed(kind, key) for kind, key in _counters(request, name).items()):
        return
    log_login(
        success=False,
        identifier=name,
        login_method="email",
        failure_reason="too_many_attempts",
        request=request,
    )
    raise ValidationError(
        "Too many failed sign-in attempts. Try again in a few minutes.", code="too_many_attempts"
    )


def take_back(request: HttpRequest, name: str) -> None:
    """Uncounts a try that succeeded. Other tries stay counted: knowing one password must not buy guesses at another."""
    for key in _counters(request, name).values():
        tries.take_back(key)


def forgive(request: HttpRequest, name: str) -> None:
    """Uncounts all tries of a name in this browser and network: its password is another one now."""
    for kind, key in _counters(request, name).items():
        if kind in ("device", "pair"):
            tries.forget(key)


def count_mail(address: str) -> None:
    """Counts a mail for a new password. Raises ValidationError after too many to one address."""
    if _is_passed("mail", f"{PREFIX}:mail:{hash_of(address)}"):
        raise ValidationError(
            _("Several mails went to this address already. Use the latest one, or try again in an hour."),
            code="too_many_mails",
        )


class AdminLoginForm(AdminAuthenticationForm):
    """Applies the limits to the admin's login form."""

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
    """Limits a page that changes a password, where the thief of a session could guess the old password."""

    @functools.wraps(view)
    def within_limits(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        name = request.user.get_username()
        try:
            begin_try(request, name)
        except ValidationError as too_many:
            return refusal(request, too_many.messages[0], status=429)
        response = view(request, *args, **kwargs)
        form = (getattr(response, "context_data", None) or {}).get("form")
        if form is None or not OLD_PASSWORD & set(form.errors):
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
    """Limits a page that starts or answers a sign-on, because each request may add a row to the session store."""

    @functools.wraps(view)
    def within_limits(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        network = network_of(request)
        if network and _is_passed("begin", f"{PREFIX}:begin:{network}"):
            sentence = _("Too many sign-ins from your network. Try again in a minute.")
            return refusal(request, sentence, status=429)
        return view(request, *args, **kwargs)

    return within_limits


def begins_sign_on(view: View) -> View:
    """Limits a page that sends people to a provider, and the length of the address they return to afterwards."""

    @functools.wraps(view)
    def with_a_short_way_back(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if max(len(sent.get("next", "")) for sent in (request.GET, request.POST)) > MOST_NEXT_CHARACTERS:
            return refusal(
                request, _("The return address is too long. Start on the sign-in page."), status=400
            )
        return view(request, *args, **kwargs)

    return limited(with_a_short_way_back)


def limits_resets(view: View) -> View:
    """Limits a page that sends mails, so that one network cannot have the site flood mailboxes."""

    @functools.wraps(view)
    def within_limits(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        network = network_of(request)
        if request.method == "POST" and network and _is_passed("reset", f"{PREFIX}:reset:{network}"):
            sentence = _("Too many mails were asked for from your network. Try again in ten minutes.")
            return refusal(request, sentence, status=429, kind="reset", title=_("No mail was sent"))
        return view(request, *args, **kwargs)

    return within_limits


def refusal(
    request: HttpRequest, sentence: str, *, status: int, kind: str = "begin", title: str = ""
) -> HttpResponse:
    """Answers with one sentence below a title. `kind`: the limit whose window says when to try again."""
    context = {"sentence": sentence, "refused": title}
    answer = render(request, "account/refused.html", context, status=status)
    if status == 429:
        answer.headers["Retry-After"] = str(LIMITS[kind].seconds)
    return answer


def _is_passed(kind: str, key: str) -> bool:
    return tries.count(key, LIMITS[kind]) > LIMITS[kind].most


def _counters(request: HttpRequest, name: str) -> dict[str, str]:
    """Returns kind of limit → the counter's key."""
    name_hash = hash_of(name)
    if device := device_of(request, name):
        return {"device": f"{PREFIX}:device:{name_hash}:{device}"}
    network = network_of(request)
    counters = {"pair": f"{PREFIX}:pair:{name_hash}:{network}"}
    # Without an address, everybody would share one counter.
    if network:
        counters["network"] = f"{PREFIX}:network:{network}"
    return counters | {"name": f"{PREFIX}:name:{name_hash}"}


def network_of(request: HttpRequest) -> str:
    """Returns the client's IPv4 address or IPv6 network; "" if it is unknown."""
    address = client_ip(request) or ""
    if ":" in address:
        return str(ipaddress.ip_network(f"{address}/{IPV6_PREFIX}", strict=False))
    return address
