"""Checks for settings that would lose events or record them wrongly."""

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
            hint=f"Valid keys: {', '.join(sorted(KEYS))}.",
            id="tracking.E001",
        )
        for key in sorted(set(getattr(settings, "TRACKING", {})) - KEYS)
    ]
    if conf.WRITER not in ("direct", "stream"):
        problems.append(
            Error(
                f'TRACKING["WRITER"] is "{conf.WRITER}", which is not a valid writer.',
                hint='Use "direct", or use "stream" and run `manage.py drain_events`.',
                id="tracking.E002",
            )
        )
    if not isinstance(conf.TRUSTED_PROXY_COUNT, int) or conf.TRUSTED_PROXY_COUNT < 0:
        problems.append(
            Error(
                f'TRACKING["TRUSTED_PROXY_COUNT"] is {conf.TRUSTED_PROXY_COUNT!r}, which is not a number from 0 up.',
                hint="Set it to the number of proxies in front of the site; `manage.py tracking_doctor` helps.",
                id="tracking.E003",
            )
        )
    if conf.WRITER == "stream" and find_spec("redis") is None:
        problems.append(
            Error(
                'TRACKING["WRITER"] is "stream", but the package "redis" is not installed.',
                hint="Run `pip install redis`.",
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
                hint=f'Add it after "{AUTHENTICATION}". Without it, ended sessions stay signed in, and logins are '
                "written in the view's transaction.",
                id="tracking.W001",
            )
        ]
    if AUTHENTICATION in installed and installed.index(MIDDLEWARE) < installed.index(AUTHENTICATION):
        return [
            CheckWarning(
                f'"{MIDDLEWARE}" comes before "{AUTHENTICATION}" in MIDDLEWARE.',
                hint="Move it after: otherwise a session that was ended elsewhere stays signed in.",
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
                "Sessions are stored in signed cookies, which the server cannot delete.",
                hint="An ended session is refused until it would have expired. With any other SESSION_ENGINE it is "
                "deleted.",
                id="tracking.W003",
            )
        )
    if not conf.SPOOL_DIR:
        problems.append(
            CheckWarning(
                f'While the database is away, events wait in "{spool.folder()}", which a restart may empty.',
                hint='Set TRACKING["SPOOL_DIR"] to a permanent folder of this site.',
                id="tracking.W004",
            )
        )
    if settings.SECURE_PROXY_SSL_HEADER and not conf.TRUSTED_PROXY_COUNT:
        problems.append(
            CheckWarning(
                "The site is behind a proxy (SECURE_PROXY_SSL_HEADER is set), but TRUSTED_PROXY_COUNT is 0.",
                hint='Set TRACKING["TRUSTED_PROXY_COUNT"]; otherwise every event has the address of the proxy.',
                id="tracking.W005",
            )
        )
    return problems
