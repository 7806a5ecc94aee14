"""Recognizes browsers that have signed in before, by a signed cookie, so that foreign guesses do not lock them out.

The cookie signs nobody in. It only names the counter of tries that belongs to this browser.
https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

import datetime as dt
import secrets
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.core import signing
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase

from cortex.models import User
from tracking.hashes import keyed_hash

COOKIE = "cortex_device"
SALT = "cortex.signon.device"
LIFETIME = dt.timedelta(days=90)
# Names that a browser remembers; the one that signed in last stays longest.
MOST_NAMES = 5


def hash_of(name: str) -> str:
    """Hashes a name with a key, for counters and cookies: people type passwords into the wrong field."""
    return keyed_hash("signon", User.objects.normalize_email(name))[:32]


def device_of(request: HttpRequest, name: str) -> str:
    """Returns this browser's random number for a name that has signed in with it; "" for any other name."""
    return _devices_in(request).get(hash_of(name), "")


def remember_device(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        name = getattr(request, "_logged_in_as", "")
        if name:
            _send(request, response, name)
        return response

    return middleware


@receiver(user_logged_in, dispatch_uid="cortex.signon.device")
def note_login(sender: Any, request: Any = None, user: Any = None, **_: Any) -> None:
    if request is not None and user is not None:
        request._logged_in_as = user.get_username()


def _send(request: HttpRequest, response: HttpResponseBase, name: str) -> None:
    devices = _devices_in(request)
    number = devices.pop(hash_of(name), "") or secrets.token_hex(8)
    devices = dict(list(devices.items())[-MOST_NAMES + 1 :]) | {hash_of(name): number}
    response.set_cookie(
        COOKIE,
        signing.dumps(devices, salt=SALT),
        max_age=LIFETIME,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _devices_in(request: HttpRequest) -> dict[str, str]:
    try:
        devices: dict[str, str] = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=LIFETIME)
    except signing.BadSignature:
        return {}
    return devices
