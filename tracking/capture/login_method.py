"""Finds the method of a login: email, password, google, okta_saml, keycloak, passkey …"""

import inspect
import time
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, get_user_model
from django.contrib.auth.backends import RemoteUserBackend
from django.utils.module_loading import import_string

from tracking.conf import conf
from tracking.sessions.identity import peek

# The session keys under which allauth records the methods that it has checked, the latest last. Written out here,
# because tracking does not import allauth. They are private: tests/tracking/suite/suite_allauth.py breaks first.
ALLAUTH_METHODS = "account_authentication_methods"
ALLAUTH_USER = "account_authentication_methods_user"  # the owner of the records, in newer versions
# Older records belong to another login in the same session, unless allauth made this login wait for a second step.
RECORD_SECONDS = 10
METHOD_CHARACTERS = 40
# A login with neither a method nor a backend: a token issued by an API, a directory.
UNKNOWN = "other"
# The methods of backends by their package.
PACKAGES = {
    "sesame": "magic_link",
    "mozilla_django_oidc": "oidc",
    "djangosaml2": "saml",
    "django_auth_ldap": "ldap",
    "django_cas_ng": "cas",
    "django_auth_adfs": "adfs",
}
# The methods of failed logins by what was given to `authenticate()`.
CREDENTIALS = {"sesame": "magic_link", "session_info": "saml", "nonce": "oidc", "remote_user": "remote_user"}
# allauth's second steps. They follow the method that names the login.
SECOND_STEPS = ("mfa",)


def login_method(request: Any, user: Any) -> str:
    """Return the method of a successful login, from allauth's records, the site's settings or the backend.

    A session that was not loaded did not receive this login, so it is not read.
    """
    session = getattr(request, "session", None)
    backend = getattr(user, "backend", "") or peek(session, BACKEND_SESSION_KEY) or ""
    # `authenticate()` leaves the attribute. Without it, the site has chosen the user itself, maybe by a link.
    was_authenticated = hasattr(user, "backend") or _has_sent_password(request)
    if user is not None and (method := _from_allauth(session, user, backend)):
        return method[:METHOD_CHARACTERS]
    method = method_of_backend(backend, request)
    if not was_authenticated and method == password_method():
        return UNKNOWN
    return method[:METHOD_CHARACTERS]


def first_factor(request: Any, user: Any) -> str:
    """Return the method of a login that waits for its second factor, from allauth's records."""
    method = _from_allauth(getattr(request, "session", None), user, "allauth.")
    return (method or UNKNOWN)[:METHOD_CHARACTERS]


def method_of_backend(path: str, request: Any = None) -> str:
    """Return the method of an authentication backend. The request helps where the backend takes any credentials."""
    if path in conf.BACKEND_METHODS:
        return str(conf.BACKEND_METHODS[path])
    if not path:
        return UNKNOWN
    if path.startswith(("django.contrib.auth.", "allauth.")):
        return "remote_user" if "RemoteUser" in path else password_method()
    if known := PACKAGES.get(path.partition(".")[0]):
        return known
    try:
        backend = import_string(path)
    except ImportError:
        return UNKNOWN
    if isinstance(backend, type) and issubclass(backend, RemoteUserBackend):
        return "remote_user"
    name = getattr(backend, "name", "")  # backends of python-social-auth have one, such as google-oauth2
    if isinstance(name, str) and name:
        return name
    return password_method() if _takes_password(backend, request) else UNKNOWN


def _takes_password(backend: Any, request: Any) -> bool:
    try:
        parameters = inspect.signature(backend.authenticate).parameters
    except (AttributeError, TypeError, ValueError):
        return False
    if "password" in parameters:
        return True
    takes_anything = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())
    return takes_anything and _has_sent_password(request)


def _has_sent_password(request: Any) -> bool:
    """Tell whether the form has a field for a password, under any prefix. Its value is not looked at."""
    try:
        return any(name.lower().endswith("password") for name in getattr(request, "POST", ()))
    except Exception:  # the body was read in another way, or cannot be
        return False


def method_of_credentials(credentials: dict[str, Any]) -> str:
    """Return the method of a failed login by the names of what `authenticate()` was given."""
    if not credentials:
        return ""
    if "password" in credentials:
        is_by_address = credentials.get("email") and not credentials.get("username")
        return "email" if is_by_address else password_method()
    return next((method for name, method in CREDENTIALS.items() if name in credentials), UNKNOWN)


def password_method() -> str:
    """Return the method of a login by password: "email" if users sign in by e-mail address, else "password"."""
    user_model: Any = get_user_model()
    return "email" if user_model.get_email_field_name() == user_model.USERNAME_FIELD else "password"


def _from_allauth(session: Any, user: Any, backend: str) -> str:
    records = peek(session, ALLAUTH_METHODS)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        return ""
    owner = user._meta.pk.value_to_string(user)
    if not records or (peek(session, ALLAUTH_USER) or owner) != owner:
        return ""
    if not backend.startswith("allauth.") and time.time() - records[-1].get("at", 0) > RECORD_SECONDS:
        return ""
    for record in reversed(records):
        method = str(record.get("method", ""))
        if method == "socialaccount":
            provider = str(record.get("provider", "")) or "sso"
            return str(conf.PROVIDER_METHODS.get(provider, provider))
        if method == "password":
            return "email" if record.get("email") else password_method()
        if method == "mfa" and record.get("type") == "webauthn" and record.get("passwordless"):
            return "passkey"
        if method and method not in SECOND_STEPS:
            return method
    return ""
