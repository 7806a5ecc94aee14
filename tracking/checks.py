"""System checks: what is wired in a way that would lose or mistake events."""

from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning

from tracking.conf import KEYS, conf
from tracking.storage import spool

MIDDLEWARE = "tracking.middleware.TrackingMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
SIGNED_COOKIES = "django.contrib.sessions.backends.signed_cookies"


@register(Tags.compatibility)
def check_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    problems: list[CheckMessage] = [
        Error(
            f'TRACKING has the unknown key "{key}".',
            hint=f"Known: {', '.join(sorted(KEYS))}.",
            id="tracking.E001",
        )
        for key in sorted(set(getattr(settings, "TRACKING", {})) - KEYS)
    ]
    if conf.WRITER not in ("direct", "stream"):
        problems.append(
            Error(
                f'TRACKING["WRITER"] is "{conf.WRITER}".',
                hint='Set it to "direct", or to "stream" and run `manage.py drain_events`.',
                id="tracking.E002",
            )
        )
    if not isinstance(conf.TRUSTED_PROXY_COUNT, int) or conf.TRUSTED_PROXY_COUNT < 0:
        problems.append(
            Error(
                f'TRACKING["TRUSTED_PROXY_COUNT"] is {conf.TRUSTED_PROXY_COUNT!r}.',
                hint="Set it to the number of proxies in front of the site; `manage.py tracking_doctor` helps.",
                id="tracking.E003",
            )
        )
    if conf.WRITER == "stream" and find_spec("redis") is None:
        problems.append(
            Error(
                'TRACKING["WRITER"] is "stream", and the package redis is not installed.',
                hint="pip install redis",
                id="tracking.E004",
            )
        )
    return problems


@register(Tags.compatibility)
def check_middleware(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    installed = list(settings.MIDDLEWARE)
    if MIDDLEWARE not in installed:
        return [
            CheckWarning(
                f'"{MIDDLEWARE}" is not in MIDDLEWARE.',
                hint=f'Add it after "{AUTHENTICATION}". Without it sessions cannot be ended, and logins are written '
                "within the view's transaction.",
                id="tracking.W001",
            )
        ]
    if AUTHENTICATION in installed and installed.index(MIDDLEWARE) < installed.index(AUTHENTICATION):
        return [
            CheckWarning(
                f'"{MIDDLEWARE}" stands before "{AUTHENTICATION}".',
                hint="Move it behind: a session that was ended elsewhere would still be taken for a login.",
                id="tracking.W002",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    if settings.SESSION_ENGINE == SIGNED_COOKIES:
        problems.append(
            CheckWarning(
                "Sessions live in signed cookies, which no server can take back.",
                hint="A session that is ended is refused for as long as it would have lasted; with any other "
                "SESSION_ENGINE it is deleted.",
                id="tracking.W003",
            )
        )
    if not conf.SPOOL_DIR:
        problems.append(
            CheckWarning(
                f'Events wait in "{spool.folder()}" while the database is away, which a restart may empty.',
                hint='Set TRACKING["SPOOL_DIR"] to a folder of the site\'s own.',
                id="tracking.W004",
            )
        )
    if settings.SECURE_PROXY_SSL_HEADER and not conf.TRUSTED_PROXY_COUNT:
        problems.append(
            CheckWarning(
                "The site stands behind a proxy (SECURE_PROXY_SSL_HEADER), and TRUSTED_PROXY_COUNT is 0.",
                hint='Set TRACKING["TRUSTED_PROXY_COUNT"]: every event would have the proxy\'s address.',
                id="tracking.W005",
            )
        )
    return problems
