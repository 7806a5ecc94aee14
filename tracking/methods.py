"""By which method somebody logged in: email, password, google, okta_saml, keycloak, passkey …"""

from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, get_user_model
from django.utils.module_loading import import_string

from tracking.conf import conf

# Where allauth keeps what it has checked in this session, the last one last. By name, so that nothing is imported.
ALLAUTH_METHODS = "account_authentication_methods"
METHOD_CHARACTERS = 40
# allauth's second steps, which follow the method that a login is called after.
SECOND_STEPS = ("mfa",)


def login_method(request: Any, user: Any) -> str:
    """The method of a login that succeeded, from allauth's record, the site's map or the backend."""
    session = getattr(request, "session", None)
    if session is not None and (method := _from_allauth(session)):
        return method[:METHOD_CHARACTERS]
    backend = getattr(user, "backend", "") or (
        session.get(BACKEND_SESSION_KEY, "") if session is not None else ""
    )
    return method_of_backend(backend)[:METHOD_CHARACTERS]


def method_of_backend(path: str) -> str:
    if path in conf.BACKEND_METHODS:
        return str(conf.BACKEND_METHODS[path])
    if not path or path.startswith(("django.contrib.auth.", "allauth.")):
        return "remote_user" if "RemoteUser" in path else password_method()
    try:
        backend = import_string(path)
    except ImportError:
        return password_method()
    name = getattr(backend, "name", "")  # what python-social-auth calls its backends, such as google-oauth2
    return name if isinstance(name, str) and name else password_method()


def password_method() -> str:
    """What a password together with an e-mail address is called, or with another name."""
    user_model: Any = get_user_model()
    return "email" if user_model.get_email_field_name() == user_model.USERNAME_FIELD else "password"


def _from_allauth(session: Any) -> str:
    records = session.get(ALLAUTH_METHODS)
    if not isinstance(records, list):
        return ""
    for record in reversed(records):
        method = str(record.get("method", "")) if isinstance(record, dict) else ""
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
