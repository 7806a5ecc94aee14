"""People with few rights follow every link they see, in a real browser, and reach nothing that belongs to others."""

import datetime as dt
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import caches
from django.utils import timezone

from cortex.models import Pov, User
from importer.models import DataImportJob, ImportChunk, MigrationLog, StagingRecord
from tests.analytics.browser.conftest import PASSWORD, Visitor
from tests.analytics.events import login_event
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]
MOST_PAGES = 120
# Kind → a text in objects of this kind that belong to another person.
CANARIES = {
    "login": "203.0.113.201",
    "session": "203.0.113.202",
    "alert": "203.0.113.203",
    "activity": "canary-entity",
    "pov": "canary-pov",
    "job": "canary-job",
    "error": "canary-error",
    "record": "canary-record",
    "log": "canary-log",
    "person": "canary-person",
}
# Django's admin links to users and their password pages without checking rights.
DJANGO_S_OWN = re.compile(r"/admin/cortex/user/\d+/(change|password)/")
# Role → its rights, and the kinds that these rights show.
ROLES = {
    "viewer": (("view_dashboard",), set[str]()),
    "guard": (
        ("view_dashboard", "view_loginevent", "view_usersession", "view_securityalert", "end_usersession"),
        {"login", "session", "alert", "person"},
    ),
    "auditor": (("view_dashboard", "view_activitylog"), {"activity", "person"}),
    "importer": (
        (
            "view_dashboard",
            "view_dataimportjob",
            "view_stagingrecord",
            "view_importchunk",
            "view_migrationlog",
            "add_dataimportjob",
            "add_pov",
        ),
        set[str](),
    ),
    "colleague": (
        ("view_dataimportjob", "view_stagingrecord", "view_importchunk", "view_migrationlog", "view_user"),
        {"job", "person"},
    ),
}


@pytest.fixture
def visit(browser: Any, live_server: Any) -> Any:
    visitors: list[Visitor] = []

    def make() -> Visitor:
        visitors.append(Visitor(browser, live_server.url))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.context.close()


@pytest.fixture
def others(transactional_db: None) -> None:
    caches["analytics"].clear()  # another test's values
    now = timezone.now()
    other = User.objects.create_user("canary-person@example.com")
    LoginEvent.objects.bulk_create(
        [
            login_event(now, user_id=other.pk, ip_address=CANARIES["login"]),
            login_event(now, user_id=other.pk, ip_address=CANARIES["login"], success=False),
        ]
    )
    UserSession.objects.create(
        user=other, expires_at=now + dt.timedelta(days=1), ip_address=CANARIES["session"]
    )
    SecurityAlert.objects.create(kind="spraying", ip_address=CANARIES["alert"], occasion="one", user=other)
    ActivityLog.objects.create(user=other, action="thing.done", entity_id=CANARIES["activity"])
    Pov.objects.create(title=CANARIES["pov"], owner=other)
    job = DataImportJob.objects.create(
        spec="users", source="/srv/canary-source.csv", format="csv", name=CANARIES["job"], created_by=other,
        status="failed", error=CANARIES["error"], columns=["EMAIL_ADDR", "SECRET"], planned_at=now,
    )  # fmt: skip
    chunk = ImportChunk.objects.create(
        job=job, number=1, start_offset=0, end_offset=1, first_line=1, committed_offset=0, committed_line=0,
        last_error=CANARIES["error"],
    )  # fmt: skip
    StagingRecord.objects.create(job=job, chunk=chunk, line=1, raw={"SECRET": CANARIES["record"]})
    MigrationLog.objects.create(
        job=job, event="failed", reason=CANARIES["log"], details={"x": CANARIES["log"]}
    )


@pytest.mark.parametrize("role", ROLES)
def test_every_link_leads_and_to_nothing_of_others(
    others: None, visit: Callable[[], Visitor], role: str
) -> None:
    rights, shown = ROLES[role]
    user = User.objects.create_user(f"{role}@example.com", PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    visitor = visit()
    visitor.log_in(user, "/admin/login/?next=/admin/")

    pages = crawl(visitor, "/admin/", "/", "/povs/")

    assert len(pages) > 3
    refused = {path for path, (status, _) in pages.items() if status != 200}
    assert [path for path in refused if not DJANGO_S_OWN.fullmatch(path)] == []
    seen = {kind for kind, canary in CANARIES.items() for _, text in pages.values() if canary in text}
    assert seen == shown


# Of a link in a drawing, `href` is an object.
HREFS = "links => links.map(link => new URL(link.getAttribute('href'), document.baseURI).href)"


def crawl(visitor: Visitor, *starts: str) -> dict[str, tuple[int, str]]:
    """Returns path → status and text of every page that these pages link to."""
    pages: dict[str, tuple[int, str]] = {}
    waiting = list(starts)
    while waiting and len(pages) < MOST_PAGES:
        address = waiting.pop(0)
        path = urlsplit(address).path
        if path in pages or "logout" in path or "export/" in path:
            continue
        answer = visitor.page.goto(urljoin(visitor.base, address))
        pages[path] = (answer.status, visitor.page.content())
        links = visitor.page.eval_on_selector_all("a[href]", HREFS)
        waiting += [link for link in links if link.startswith(visitor.base)]
    return pages
