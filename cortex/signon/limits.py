"""How often a password may be tried, for a name and from an address, on every page that takes one.

Not allauth's own limits: theirs need a lock in the cache, so that nobody would get in while Redis is away, and the
administration's login knows nothing of them. While Redis is away nothing is counted here; nginx still does, by address.
"""

import contextlib
import hashlib
import ipaddress
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from cortex.models import User
from tracking import log_login
from tracking.client import client_ip

IPV6_PREFIX = 64  # what one subscriber has


@dataclass(frozen=True)
class Limit:
    """So many failures in so many seconds, counted from the first one."""

    most: int
    seconds: int


BY_NAME, BY_ADDRESS = Limit(5, 300), Limit(10, 60)


def begin_try(request: HttpRequest, name: str) -> None:
    """Count a try before the password is looked at, so that many at once are not more than allowed.

    Raises ValidationError where there were too many, and records that.
    """
    passed = [limit for key, limit in _counters(request, name).items() if _count(key, limit) > limit.most]
    if not passed:
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
    for key in _counters(request, name):
        with contextlib.suppress(ValueError):  # its time is over, and it with it
            cache.decr(key)


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


def _count(key: str, limit: Limit) -> int:
    cache.add(key, 0, limit.seconds)
    try:
        return cache.incr(key)
    except ValueError:  # over since the line before
        return 1


def _counters(request: HttpRequest, name: str) -> dict[str, Limit]:
    known_as = hashlib.sha256(User.objects.normalize_email(name).encode()).hexdigest()
    counters = {f"tries:name:{known_as}": BY_NAME}
    if address := client_ip(request):  # where it is not known, all would share one
        if ":" in address:
            address = str(ipaddress.ip_network(f"{address}/{IPV6_PREFIX}", strict=False))
        counters[f"tries:address:{address}"] = BY_ADDRESS
    return counters
