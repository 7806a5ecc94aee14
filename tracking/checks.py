"""Checks for settings that would lose events or record them wrongly; those of alerts are in `delivery.checks`."""

from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import DatabaseError, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from tracking import places
from tracking.conf import KEYS, conf
from tracking.delivery import checks as delivery_checks
from tracking.models import (
    ActivityLog,
    AlertChannel,
    AlertDelivery,
    LoginEvent,
    SecurityAlert,
    UserSession,
    database,
)
from tracking.naming import app_label
from tracking.storage import spool

MIDDLEWARE = "tracking.middleware.TrackingMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
OUR_MODELS = (LoginEvent, ActivityLog, UserSession, SecurityAlert, AlertChannel, AlertDelivery)
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


register(Tags.compatibility)(delivery_checks.check_delivery)


@register(Tags.compatibility)
def check_places(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    try:
        files = places.paths()
    except TypeError:
        return [
            Error(
                f'TRACKING["GEO_DATABASE"] is {conf.GEO_DATABASE!r}, which is not a path.',
                hint="Set it to the path of an .mmdb file, to a list of such paths, or to None.",
                id="tracking.E015",
            )
        ]
    if files and find_spec("maxminddb") is None:
        return [
            CheckWarning(
                f'TRACKING["GEO_DATABASE"] is "{files[0]}", but the package "maxminddb" is not installed.',
                hint="Run `pip install maxminddb babel`. Until then, logins are recorded without their country.",
                id="tracking.W008",
            )
        ]
    return [problem for file in files for problem in _problems_of(file)]


def _problems_of(file: str) -> list[CheckMessage]:
    """Return why a database of places cannot be opened."""
    try:
        places.opened(file)
    except Exception as error:  # the package raises many types for a broken file
        return [
            CheckWarning(
                f'TRACKING["GEO_DATABASE"]: cannot open "{file}": {" ".join(str(error).split())[:200]}',
                hint="Put a database of the MMDB format there; see docs/tracking.md, Countries. Until then, logins "
                "are recorded without their country.",
                id="tracking.W009",
            )
        ]
    return []


@register(Tags.compatibility)
def check_names(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    config = apps.get_containing_app_config(__name__)
    if owner := getattr(config, "label_owner", ""):
        problems.append(
            Error(
                f'The app label "tracking" is used by "{owner}" as well.',
                hint="Write a subclass of tracking.apps.TrackingConfig with another `label`, and put its path into "
                'INSTALLED_APPS in place of "tracking". See docs/in-your-site.md, Names that clash.',
                id="tracking.E005",
            )
        )
    theirs = {model._meta.db_table: model for model in apps.get_models() if model not in OUR_MODELS}
    problems += [
        Error(
            f'The table "{model._meta.db_table}" belongs to {theirs[model._meta.db_table]._meta.label} as well.',
            hint='Set TRACKING["TABLE_PREFIX"], such as "tracking_", before the first `migrate`.',
            obj=model,
            id="tracking.E006",
        )
        for model in OUR_MODELS
        if model._meta.db_table in theirs
    ]
    return problems


@register(Tags.database)
def check_tables(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Find tables of ours that somebody else has made: `migrate` would fail on them."""
    alias = database()
    if alias not in (databases or ()):
        return []
    connection = connections[alias]
    if MigrationLoader.migrations_module(app_label())[0] is None:
        return []  # a test that makes its tables without migrations
    try:
        applied = MigrationRecorder(connection).applied_migrations()
        existing = set(connection.introspection.table_names())
    except DatabaseError:
        return []  # without a database, `migrate` itself says so
    if (app_label(), "0001_initial") in applied:
        return []
    return [
        Error(
            f'The database has a table "{model._meta.db_table}" already, which is not tracking\'s.',
            hint='Set TRACKING["TABLE_PREFIX"], such as "tracking_", and run `migrate` again.',
            obj=model,
            id="tracking.E007",
        )
        for model in OUR_MODELS
        if model._meta.db_table in existing
    ]


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
