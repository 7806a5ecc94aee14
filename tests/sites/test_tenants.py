"""Tests on real servers with two processes that each tenant of django-tenants has logins and sessions of its own."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.tracking.servers import ASYNC, PASSWORD, SYNC, Site, site_of

pytestmark = pytest.mark.alone

SECONDS_PROMISED = 5.0
TENANTS = ("red", "blue")
MAKE_TENANTS = """
from django.contrib.auth import get_user_model
from django_tenants.utils import schema_context
from tests.sites.hosts.tenants_customers.models import Client, Domain
for name in {names!r}:
    tenant = Client.objects.create(schema_name=name, name=name)
    Domain.objects.create(domain=f"{{name}}.localhost", tenant=tenant, is_primary=True)
    with schema_context(name):
        get_user_model().objects.create_superuser("ann", "ann@example.com", {password!r})
"""
END_SESSIONS = """
from django_tenants.utils import schema_context
from tracking.models import UserSession
with schema_context("{tenant}"):
    UserSession.objects.all().end("ended_by_admin")
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_of("tests.sites.hosts.tenants", tmp_path_factory.mktemp("tenants")) as made:
        made.manage("migrate_schemas", "--shared", "--verbosity", "0")
        made.run(MAKE_TENANTS.format(names=TENANTS, password=PASSWORD))
        yield made


@pytest.mark.parametrize("kind", [SYNC, ASYNC], ids=["sync", "async"])
def test_the_end_of_a_session_is_known_in_every_process_and_in_its_tenant_only(
    site: Site, kind: tuple[str, ...]
) -> None:
    with site.serving(kind, host="red.localhost") as red:
        blue = replace(red, host="blue.localhost")
        cookies = {server: server.log_in("ann") for server in (red, blue)}
        for server, cookie in cookies.items():
            assert {server.who(cookie) for _ in range(20)} == {"ann"}

        site.run(END_SESSIONS.format(tenant="red"))

        ended = time.monotonic()
        while red.who(cookies[red]) == "ann":
            assert time.monotonic() - ended < SECONDS_PROMISED
            time.sleep(0.1)
        time.sleep(max(0.0, SECONDS_PROMISED - (time.monotonic() - ended)))
        assert {red.who(cookies[red]) for _ in range(20)} == {"nobody"}
        assert {blue.who(cookies[blue]) for _ in range(20)} == {"ann"}


def test_logins_alerts_and_reports_are_each_tenants_own(site: Site) -> None:
    with site.serving(SYNC, host="red.localhost") as red:
        blue = replace(red, host="blue.localhost")
        for server, failures in ((red, 12), (blue, 11)):
            for _ in range(failures):
                assert server.log_in("ann", "wrong") == ""
        before = {tenant: figures(site, tenant) for tenant in TENANTS}
        assert [before[tenant]["failures"] for tenant in TENANTS] == [12, 11]
        assert [before[tenant]["bursts"] for tenant in TENANTS] == [1, 1]

        # Both share a cache, and ask for the same report.
        totals = {}
        for server in (red, blue):
            cookie = server.log_in("ann")
            _, _, text = server.call(
                "GET", "/admin/analytics/data.json?range=1d", cookie=f"sessionid={cookie}"
            )
            totals[server.host] = json.loads(text)["totals"]["failures"]
        assert totals == {"red.localhost": 12, "blue.localhost": 11}


def test_what_happens_while_an_answer_is_streamed_is_its_tenants(site: Site) -> None:
    with site.serving(ASYNC, host="blue.localhost") as blue:
        assert blue.call("GET", "/streamed/")[2] == "streamed"

        assert site.sql("SELECT action FROM blue.activity_logs") == [("thing.streamed",)]


def figures(site: Site, tenant: str) -> dict[str, int]:
    ((failures, bursts),) = site.sql(
        f"SELECT (SELECT count(*) FROM {tenant}.login_events WHERE NOT success), "
        f"(SELECT count(*) FROM {tenant}.security_alerts WHERE kind = 'failure_burst')"
    )
    return {"failures": failures, "bursts": bursts}
