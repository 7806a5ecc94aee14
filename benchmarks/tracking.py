"""Measures the cost and speed of tracking; speeds are ratios where there is a reference.

    python -m benchmarks.tracking [--rows 1000000]

Needs nothing: brings its own PostgreSQL and Valkey.
"""

import argparse
import datetime as dt
import ipaddress
import itertools
import json
import os
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from cortex.embedded.postgres import EmbeddedPostgres
from cortex.embedded.valkey import EmbeddedValkey
from tests.paths import PROJECT
from tests.tracking.mmdb import BERLIN, CITIES, POTSDAM, write_mmdb

REQUESTS = 3_000
# As many users as rows. 5,000 of them have logins and activities: together one every 20 seconds.
FILL = """
    INSERT INTO people_person (id, email, password, is_active, is_staff, is_superuser)
    SELECT md5(n::text)::uuid, 'p' || n || '@example.com', '', true, false, false FROM generate_series(1, {rows}) n;

    INSERT INTO login_events (
        uuid, timestamp, user_id, identifier, login_method, success, failure_reason, device_type, browser, os,
        user_agent, evidence
    )
    SELECT gen_random_uuid(), now() - n * interval '20 seconds', md5((1 + n % 5000)::text)::uuid, '', 'email',
        n % 20 <> 0, '', 'desktop', 'Chrome', 'Windows', '', '{{}}'
    FROM generate_series(1, {rows}) n;

    INSERT INTO activity_logs (uuid, timestamp, user_id, action, entity_type, entity_id, metadata)
    SELECT gen_random_uuid(), now() - n * interval '20 seconds', md5((1 + n % 5000)::text)::uuid, 'seen', 'x.y',
        (n % 5000)::text, '{{}}'
    FROM generate_series(1, {rows}) n;
"""
EVENTS = 200_000
COUNTRIES = PROJECT / "node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000, help="number of login events for EXPLAIN")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tracking-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with (
            EmbeddedPostgres(folder / "postgres", durable=True) as server,
            EmbeddedValkey(folder / "valkey") as valkey,
        ):
            os.environ |= {
                "DATABASE_URL": server.url,
                "REDIS_URL": valkey.url,
                "HOST_SPOOL": str(folder / "spool"),
                "DJANGO_SETTINGS_MODULE": "tests.tracking.hosts.atomic",
            }
            measure(options.rows, folder)


def measure(rows: int, folder: Path) -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    ordinary_requests()
    logins_with_places(write_mmdb(folder / "cities.mmdb", CITIES))
    places()
    logins()
    user_agents()
    stream()
    queries(rows)


def show(what: str, figure: str) -> None:
    print(f"{what:64} {figure}", flush=True)


def microseconds(call: Callable[[], Any], times: int) -> float:
    """Returns the median time of a call; the mean would show other load on the machine."""
    clock = time.perf_counter
    taken = []
    for _ in range(times):
        began = clock()
        call()
        taken.append(clock() - began)
    return statistics.median(taken) * 1e6


def ordinary_requests() -> None:
    """Measures only the middleware, around an empty view, with a session that it has seen before."""
    from django.conf import settings
    from django.http import HttpRequest, HttpResponse

    from tracking.middleware import TrackingMiddleware
    from tracking.sessions.memory import Known, memory

    answer = HttpResponse("")
    middleware = TrackingMiddleware(lambda request: answer)
    now = time.monotonic() + 3_600  # so that no query falls due while we measure
    memory.here.remember("k" * 32, Known(str(uuid.uuid4()), began_at=now, touched_at=now))

    def request() -> HttpRequest:
        found = HttpRequest()
        found.COOKIES[settings.SESSION_COOKIE_NAME] = "k" * 32
        return found

    bare = microseconds(lambda: request() and answer, REQUESTS)
    tracked = microseconds(lambda: middleware(request()), REQUESTS)
    show("an ordinary request of a known session, µs added", f"{tracked - bare:.1f}")


def logins_with_places(cities: Path) -> None:
    """Measures what the checks of country, device and travel add to a login, in turns with logins without a database.

    The user has logged in before, the last time from elsewhere: so that all of the evidence is there to be found.
    """
    from django.conf import settings
    from django.test import Client

    from tests.tracking.hosts.people.models import Person

    Person.objects.create_user("bob@example.com", "x")
    addresses = itertools.cycle((BERLIN, BERLIN, POTSDAM, POTSDAM))
    without = settings.TRACKING | {"TRUSTED_PROXY_COUNT": 1}

    def log_in(tracking: dict[str, Any]) -> None:
        settings.TRACKING = tracking
        form = {"username": "bob@example.com", "password": "x"}
        Client().post("/login/", form, headers={"x-forwarded-for": next(addresses)})

    variants = (without, without | {"GEO_DATABASE": cities})
    taken: list[list[float]] = [[], []]
    for _ in range(300):
        for times, tracking in zip(taken, variants, strict=True):
            times.append(microseconds(partial(log_in, tracking), 1))
    bare, placed = map(statistics.median, taken)
    show("a login with country and travel, ms more", f"{(placed - bare) / 1e3:.2f} (to {bare / 1e3:.2f})")
    for name, tracking in zip(("without", "with country and travel"), variants, strict=True):
        show(f"  queries of tracking, {name}", str(tracking_queries(partial(log_in, tracking))))
    settings.TRACKING = without


def tracking_queries(call: Callable[[], Any]) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    tables = ("login_events", "user_sessions", "security_alerts", "activity_logs")
    with CaptureQueriesContext(connection) as captured:
        call()
    return sum(any(table in query["sql"] for table in tables) for query in captured)


def places() -> None:
    """Measures a lookup of random public addresses in the countries that `make countries` has fetched, if it has."""
    from django.conf import settings

    from tracking.places import country_of, databases

    if not COUNTRIES.is_file():
        return
    settings.TRACKING = settings.TRACKING | {"GEO_DATABASE": COUNTRIES}
    drawn = (ipaddress.IPv4Address(random.getrandbits(32)) for _ in range(50_000))
    addresses = [address for address in drawn if address.is_global]
    known = sum(bool(country_of(address)) for address in addresses)
    lookups = iter(addresses)
    lookup = microseconds(lambda: country_of(next(lookups)), 20_000)
    show("the country of an address, µs", f"{lookup:.1f} ({known / len(addresses):.1%} have one)")
    show("  of which to see whether the file has changed", f"{microseconds(databases.current, 20_000):.1f}")
    del settings.TRACKING["GEO_DATABASE"]


def logins() -> None:
    from django.test import Client

    from tests.tracking.hosts.people.models import Person

    Person.objects.create_user("ann@example.com", "x")
    client = Client()

    def log_in(password: str) -> None:
        client.post("/login/", {"username": "ann@example.com", "password": password})

    from django.conf import settings

    tracked = {password: microseconds(partial(log_in, password), 150) for password in ("x", "wrong")}
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "tracking" not in name]
    client = Client()
    from django.contrib.auth.signals import user_logged_in, user_login_failed

    user_logged_in.disconnect(dispatch_uid="tracking.login")
    user_login_failed.disconnect(dispatch_uid="tracking.failure")
    for password, name in (("x", "login"), ("wrong", "failure")):
        bare = microseconds(partial(log_in, password), 150)
        show(f"a {name}, ms added", f"{(tracked[password] - bare) / 1e3:.2f} (to {bare / 1e3:.2f})")


def user_agents() -> None:
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA

    from tests.tracking.test_device import people, share_right
    from tracking.device import parse_user_agent
    from tracking.device.parse import parsed

    crawlers = [
        (text, "bot") for crawler in CRAWLER_USER_AGENTS_DATA for text in crawler.get("instances", [])
    ]
    browsers = people()
    texts = list(dict.fromkeys(text for text, _ in (*crawlers, *browsers)))
    parse_user_agent("warm")
    parsed.cache_clear()
    began = time.perf_counter()
    for text in texts:
        parse_user_agent(text)
    seconds = time.perf_counter() - began
    show(f"user agents, new strings ({len(texts):,})", f"{len(texts) / seconds:,.0f} per second")
    show("device type right, browsers of fake-useragent", f"{share_right(browsers):.2%}")
    show("device type right, robots of crawler-user-agents", f"{share_right(crawlers):.2%}")
    as_bots = sum(parse_user_agent(text).device_type == "bot" for text, _ in browsers)
    show("people called robots", f"{as_bots / len(browsers):.2%}")
    others(texts[:2_000])


def others(texts: list[str]) -> None:
    """Measures the package below django-user-agents on the same strings."""
    from user_agents import parse

    began = time.perf_counter()
    for text in texts:
        parse(text)
    show(
        "  the package user-agents, new strings",
        f"{len(texts) / (time.perf_counter() - began):,.0f} per second",
    )


def stream() -> None:
    from django.conf import settings

    from tracking.events import Activity
    from tracking.storage import stream as redis_stream
    from tracking.storage.consumer import Consumer

    settings.TRACKING = settings.TRACKING | {"WRITER": "stream", "STREAM_URL": os.environ["REDIS_URL"]}
    events = [
        Activity(
            action="thing.done",
            entity_type="things.thing",
            entity_id=str(n),
            metadata={"n": n, "how": "well"},
        )
        for n in range(EVENTS)
    ]
    consumer = Consumer()
    for start in range(0, EVENTS, 5_000):
        redis_stream.add(events[start : start + 5_000])
    began = time.perf_counter()
    moved = 0
    while number := consumer.drain_batch(block_ms=None):
        moved += number
    show(
        f"stream writer, activities drained ({moved:,})",
        f"{moved / (time.perf_counter() - began):,.0f} per second",
    )


def queries(rows: int) -> None:
    """Explains the queries with a promised speed, at a million rows: their index and their milliseconds."""
    from django.db import connection
    from django.utils import timezone

    from tests.tracking.hosts.people.models import Person
    from tracking.models import ActivityLog, LoginEvent

    with connection.cursor() as cursor:
        cursor.execute(FILL.format(rows=int(rows)))
        cursor.execute("VACUUM ANALYZE people_person, login_events, activity_logs")
    someone = Person.objects.get(email="p77@example.com")
    day = timezone.now() - dt.timedelta(days=30)
    asked: dict[str, Callable[[], Any]] = {
        "user by email": lambda: Person.objects.filter(email="p77@example.com"),
        "logins of a day, first 100": lambda: LoginEvent.objects.between(day, day + dt.timedelta(days=1)).recent(100),
        "failures, newest 100": lambda: LoginEvent.objects.filter(success=False).recent(100),
        "logins of a user": lambda: LoginEvent.objects.of(someone.pk)[:100],
        "activity of a user": lambda: ActivityLog.objects.of(someone.pk)[:100],
        "recent activity": lambda: ActivityLog.objects.recent(100),
        "history of an entity": lambda: ActivityLog.objects.filter(entity_type="x.y", entity_id="77").recent(100),
    }  # fmt: skip
    for name, ask in asked.items():
        plan = json.loads(ask().explain(format="json", analyze=True))[0]
        nodes = list(scans(plan["Plan"]))
        assert all("Index" in kind or "Bitmap" in kind for kind, _ in nodes), (name, nodes)
        taken = microseconds(partial(rows_of, ask), 20) / 1e3
        show(f"{name}, at {rows:,} rows", f"{taken:.2f} ms, by {nodes[-1][1]}")


def rows_of(ask: Callable[[], Any]) -> list[Any]:
    return list(ask())


def scans(node: dict[str, Any]) -> Any:
    if "Scan" in node["Node Type"]:
        yield node["Node Type"], node.get("Index Name", node.get("Relation Name", ""))
    for child in node.get("Plans", []):
        yield from scans(child)


if __name__ == "__main__":
    sys.exit(main())
