"""Who gets what from every address of the site, and that nothing secret is in any answer, in the logs or in Redis.

A new address without a row here fails.
"""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.urls import URLPattern, get_resolver

from analytics.rollups.refresh import refresh
from cortex.models import Pov, Trr, User
from cortex.monitoring.probes import PROBES
from importer.models import DataImportJob, ImportChunk, MigrationLog, StagingRecord
from tracking import log_activity
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(180)]

ROLES = ("stranger", "member", "viewer", "clerk", "admin")
# A member may see the dashboard but is not staff; a viewer is staff with only that right; a clerk is staff without
# rights.
OPEN = (200, 200, 200, 200, 200)
LOGGED_IN = (302, 200, 200, 200, 200)
DASHBOARD = (302, 302, 200, 403, 200)
JSON = (401, 403, 200, 403, 200)
# Single rows also require the view right on their model.
ROWS = (302, 302, 403, 403, 200)
JSON_ROWS = (401, 403, 403, 403, 200)
STAFF = (302, 302, 200, 200, 200)
REFUSED = (302, 302, 403, 403, 403)
ADMIN = (302, 302, 403, 403, 200)
# A missing object redirects to the index.
NOT_THERE = (302, 302, 403, 403, 302)
LED_ON = (302, 302, 302, 302, 302)
# A record of the admin's, which nobody else may see.
OWN = (302, 404, 404, 404, 200)
OF_TARGET = (302, 302, 404, 404, 200)
NO_DRAFT = (302, 302, 404, 404, 404)
STEPS = ("file", "columns", "values", "check")
# Only a form leads there.
POSTED = (302, 405, 405, 405, 405)
# Pages of an import job, which nobody else may see.
OF_A_JOB = (302, 302, 404, 404, 200)
POSTED_TO_A_JOB = (302, 302, 405, 405, 405)
POSTED_BY_STAFF = (302, 302, 405, 405, 405)
# A job that the admin alone may see.
OWN_JOB = (302, 302, 404, 404, 200)
# Providers that are not configured have no pages.
NOT_FOUND = (404, 404, 404, 404, 404)
RESET_KEY = r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]{1,13})-(?P<key>[0-9A-Za-z-]{1,80})/$"
SITE = {
    "": LOGGED_IN,
    "accounts/login/": (200, 302, 302, 302, 302),
    "accounts/logout/": (302, 200, 200, 200, 200),
    "accounts/inactive/": OPEN,
    "accounts/password/change/": LOGGED_IN,
    "accounts/password/reset/": OPEN,
    "accounts/password/reset/done/": OPEN,
    f"accounts/{RESET_KEY}": OPEN,
    "accounts/password/reset/key/done/": OPEN,
    "accounts/google/login/": NOT_FOUND,
    "accounts/google/login/callback/": NOT_FOUND,
    "accounts/oidc/<slug:provider_id>/login/": NOT_FOUND,
    "accounts/oidc/<slug:provider_id>/login/callback/": NOT_FOUND,
    "accounts/saml/<slug:organization_slug>/login/": NOT_FOUND,
    "accounts/saml/<slug:organization_slug>/acs/": NOT_FOUND,
    "accounts/saml/<slug:organization_slug>/acs/finish/": NOT_FOUND,
    "accounts/saml/<slug:organization_slug>/metadata/": NOT_FOUND,
    "accounts/saml/<slug:organization_slug>/sls/": NOT_FOUND,
    "povs/": LOGGED_IN,
    "povs/<int:pk>/": OWN,
    "trrs/": LOGGED_IN,
    "trrs/<int:pk>/": OWN,
    "devices/": LOGGED_IN,
    "devices/end/": POSTED,
    "devices/end/<uuid:session_id>/": POSTED,
    # With a link that nobody has signed.
    "devices/not-me/<str:token>/": NOT_FOUND,
    "healthz": OPEN,
    "readyz": OPEN,
    "metrics": (401, 401, 401, 401, 401),
    "favicon.ico": LED_ON,
    "admin/analytics/": DASHBOARD,
    "admin/analytics/panels/": JSON,
    "admin/analytics/system/": DASHBOARD,
    "admin/analytics/system/panels/": JSON,
    "admin/analytics/accounts/": ROWS,
    "admin/analytics/accounts/export.csv": ROWS,
    "admin/analytics/data.json": JSON,
    "admin/analytics/feed.json": JSON_ROWS,
    "admin/analytics/sessions.json": JSON_ROWS,
    "admin/analytics/export/<slug:log>.<slug:format>": ROWS,
    "admin/analytics/users/<str:user_id>/": ROWS,
    "admin/analytics/addresses/<path:address>/": ROWS,
    "admin/analytics/entities/<str:entity_type>/<path:entity_id>/": ROWS,
    "admin/analytics/alerts/<int:alert_id>/": ROWS,
    "admin/analytics/alerts/<int:alert_id>/handle/": (405, 405, 405, 405, 405),
    "admin/analytics/views/save/": (405, 405, 405, 405, 405),
    "admin/analytics/views/delete/": (405, 405, 405, 405, 405),
    "admin/analytics/search/": (302, 302, 302, 403, 302),
    "admin/analytics/sessions/end/": (405, 405, 405, 405, 405),
    # What a person may import into is on it, which is nothing for some.
    "admin/importer/dataimportjob/start/": STAFF,
    "admin/importer/dataimportjob/begin/<str:label>/": OF_TARGET,
    "admin/importer/dataimportjob/begin/<str:label>/template.csv": OF_TARGET,
    # Drafts are their owner's, and there is none.
    **{f"admin/importer/dataimportjob/draft/<int:draft_id>/{step}/": NO_DRAFT for step in STEPS},
    **{f"admin/importer/dataimportjob/<int:job_id>/repair/{page}": OWN_JOB for page in ("", "records/")},
    # The job's spec is not registered any more, so the file cannot be written.
    "admin/importer/dataimportjob/<int:job_id>/repair/download.<slug:kind>": (302, 302, 404, 404, 302),
    "admin/importer/dataimportjob/<int:job_id>/repair/upload/": POSTED_BY_STAFF,
    "admin/importer/dataimportjob/<int:job_id>/repair/replay/": POSTED_BY_STAFF,
    "admin/": STAFF,
    "admin/login/": (200, 200, 302, 302, 302),
    "admin/logout/": (302, 302, 405, 405, 405),
    "admin/password_change/": STAFF,
    "admin/password_change/done/": STAFF,
    "admin/autocomplete/": (302, 302, 403, 403, 403),
    "admin/jsi18n/": STAFF,
    "admin/r/<path:content_type_id>/<path:object_id>/": (302, 302, 404, 404, 404),
    "admin/^(?P<app_label>auth|cortex|socialaccount|importer|tracking|analytics|procrastinate)/$": (
        302,
        302,
        404,
        404,
        200,
    ),
    "admin/(?P<url>.*)$": (302, 302, 404, 404, 404),
    "admin/cortex/user/<id>/password/": ADMIN,
    "admin/importer/dataimportjob/<int:job_id>/story/": OF_A_JOB,
    "admin/importer/dataimportjob/<int:job_id>/progress/": OF_A_JOB,
    "admin/importer/dataimportjob/<int:job_id>/start/": POSTED_TO_A_JOB,
    "admin/importer/dataimportjob/<int:job_id>/stop/": POSTED_TO_A_JOB,
    # Its spec is not registered: nothing can be exported or undone with it.
    "admin/importer/dataimportjob/<int:job_id>/rejects.csv": (302, 302, 404, 404, 302),
    "admin/importer/dataimportjob/<int:job_id>/undo/": (302, 302, 404, 404, 403),
    "admin/importer/dataimportjob/<int:job_id>/approve/": (302, 302, 404, 404, 200),
    "admin/importer/dataimportjob/<int:job_id>/certificate/": (302, 302, 404, 404, 200),
}
# Statuses of the admin's pages of a model: list, add, history, delete, change.
WRITABLE = (ADMIN, ADMIN, ADMIN, ADMIN, ADMIN)
READABLE = (ADMIN, REFUSED, ADMIN, REFUSED, ADMIN)
DELETABLE = (ADMIN, REFUSED, ADMIN, ADMIN, ADMIN)
MODELS = {
    "auth/group": WRITABLE,
    "cortex/user": WRITABLE,
    "cortex/pov": WRITABLE,
    "cortex/trr": WRITABLE,
    "importer/dataimportjob": (ADMIN, ADMIN, ADMIN, REFUSED, ADMIN),
    "importer/importchunk": READABLE,
    "importer/stagingrecord": READABLE,
    "importer/migrationlog": READABLE,
    "tracking/loginevent": READABLE,
    "tracking/activitylog": READABLE,
    "tracking/usersession": READABLE,
    "tracking/securityalert": READABLE,
    "procrastinate/procrastinatejob": (ADMIN, REFUSED, LED_ON, REFUSED, NOT_THERE),
    "socialaccount/socialaccount": DELETABLE,
    # It has no rows: people with the view right are redirected to the dashboard.
    "analytics/dashboard": (LED_ON, REFUSED, LED_ON, REFUSED, (302, 302, 302, 403, 302)),
}
VIEWS = ("", "add/", "<path:object_id>/history/", "<path:object_id>/delete/", "<path:object_id>/change/")
TABLE = SITE | {
    f"admin/{model}/{view}": row
    for model, rows in MODELS.items()
    for view, row in zip((*VIEWS, "<path:object_id>/"), (*rows, LED_ON), strict=True)
}

CANARIES = {
    "typed password": "canary-typed-into-the-form-71f3",
    "own password": "canary-own-password-5c02",
    "metrics token": "canary-metrics-token-99aa",
}


def routes(patterns: Any, before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from routes(pattern.url_patterns, route)


def test_every_address_has_a_row_and_every_row_an_address() -> None:
    probes = {path.removeprefix("/") for path in PROBES}

    assert {*routes(get_resolver().url_patterns)} | probes == set(TABLE)


@pytest.fixture
def people() -> dict[str, Client]:
    member = User.objects.create_user("member@example.com")
    viewer = User.objects.create_user("viewer@example.com", is_staff=True)
    for user in (member, viewer):
        user.user_permissions.add(Permission.objects.get(codename="view_dashboard"))
    accounts = {
        "member": member,
        "viewer": viewer,
        "clerk": User.objects.create_user("clerk@example.com", is_staff=True),
        "admin": User.objects.create_superuser("admin@example.com", password=CANARIES["own password"]),
    }
    clients = {role: Client() for role in ROLES}
    for role, user in accounts.items():
        clients[role].force_login(user)
    return clients


@pytest.fixture
def rows(people: dict[str, Client]) -> dict[str, Any]:
    """Creates an object of each kind. Returns them by the address of their model."""
    owner = User.objects.get(email="admin@example.com")
    pov = Pov.objects.create(title="A POV", owner=owner)
    job = DataImportJob.objects.create(spec="cortex.users", source="x.csv", format="csv")
    chunk = ImportChunk.objects.create(
        job=job, number=1, start_offset=0, end_offset=1, first_line=1, committed_offset=0, committed_line=0
    )
    log_activity("pov.opened", entity=pov, user=owner)
    alert = SecurityAlert.objects.create(kind="spraying", ip_address="192.0.2.1", occasion="one")
    return {
        "auth/group": Group.objects.create(name="Some"),
        "cortex/user": owner,
        "cortex/pov": pov,
        "cortex/trr": Trr.objects.create(title="A TRR", pov=pov),
        "importer/dataimportjob": job,
        "importer/importchunk": chunk,
        "importer/stagingrecord": StagingRecord.objects.create(job=job, chunk=chunk, line=1, raw={"a": "b"}),
        "importer/migrationlog": MigrationLog.objects.create(job=job, event="started"),
        "socialaccount/socialaccount": SocialAccount.objects.create(user=owner, provider="google", uid="1"),
        "tracking/loginevent": LoginEvent.objects.first(),
        "tracking/activitylog": ActivityLog.objects.first(),
        "tracking/usersession": UserSession.objects.first(),
        "tracking/securityalert": alert,
    }


def address(route: str, rows: dict[str, Any]) -> str:
    model = next((name for name in MODELS if route.startswith(f"admin/{name}/")), "")
    key = str(rows[model].pk) if model in rows else "1"
    if route in ("povs/<int:pk>/", "trrs/<int:pk>/"):
        return f"/{route}".replace("<int:pk>", str(rows[f"cortex/{route[:3]}"].pk))
    replaced = {
        RESET_KEY: "password/reset/key/1-set-password/",
        "<uuid:session_id>": str(rows["tracking/usersession"].pk),
        "<path:object_id>": key,
        "<int:job_id>": key,
        "<id>": key,
        "<str:label>": "cortex.pov",
        "<int:draft_id>": "1",
        "<slug:kind>": "csv",
        "<path:content_type_id>": str(ContentType.objects.get_for_model(User).pk),
        "<slug:provider_id>": "okta",
        "<slug:organization_slug>": "okta-saml",
        "<int:alert_id>": str(rows["tracking/securityalert"].pk),
        "<path:address>": "203.0.113.7",
        "<str:entity_type>/<path:entity_id>": "cortex.pov/7",
        "<str:token>": "WzEsIjEiLCJ4Il0:1abc:forged",
        "<str:user_id>": str(rows["cortex/user"].pk),
        "<slug:log>.<slug:format>": "logins.csv",
        "^(?P<app_label>auth|cortex|socialaccount|importer|tracking|analytics|procrastinate)/$": "cortex/",
        "(?P<url>.*)$": "no/such/page/",
    }
    for part, value in replaced.items():
        route = route.replace(part, value)
    return f"/{route}"


def body(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return f"{answer.headers}\n{content.decode(errors='replace')}"


def test_each_role_gets_what_the_table_says_and_nothing_secret(
    people: dict[str, Client], rows: dict[str, Any], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.METRICS_TOKEN = CANARIES["metrics token"]
    caplog.set_level(logging.DEBUG)
    said = [type_password_as_a_name(people["stranger"])]
    refresh()
    wrong = []
    for route, row in TABLE.items():
        for role, expected in zip(ROLES, row, strict=True):
            answer = people[role].get(address(route, rows))
            said.append(body(answer))
            if answer.status_code != expected:
                wrong.append(f"{role} at {address(route, rows)}: {answer.status_code}, not {expected}")

    assert "\n".join(wrong) == ""
    told = "\n".join([*said, caplog.text, *everything_in_redis()])
    assert [name for name, secret in secrets().items() if secret in told] == []


def type_password_as_a_name(stranger: Client) -> str:
    typed = {"username": CANARIES["typed password"], "password": CANARIES["typed password"]}
    return body(stranger.post("/admin/login/", typed))[
        : len("{'Content-Type'")
    ]  # the form gives it back to its author


def secrets() -> dict[str, str]:
    """Texts that no response, no log line and no value in Redis may contain."""
    hashes = {f"hash of {u.email}": u.password for u in User.objects.all() if u.has_usable_password()}
    database = str(connection.settings_dict["PASSWORD"])
    return (
        CANARIES
        | hashes
        | {"secret key": settings.SECRET_KEY}
        | ({"database": database} if len(database) > 8 else {})
    )


def everything_in_redis() -> Iterator[str]:
    redis = caches["default"].client.get_client()  # type: ignore[attr-defined]
    for key in redis.scan_iter(count=1_000):
        yield key.decode(errors="replace")
        if redis.type(key) == b"string":
            yield redis.get(key).decode(errors="replace")
        elif redis.type(key) == b"hash":
            yield str(redis.hgetall(key))


def test_the_search_would_find_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caches["default"].set("leak", {"token": CANARIES["own password"]})

    assert any(CANARIES["own password"] in text for text in everything_in_redis())
