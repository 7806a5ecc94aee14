"""Tests that each login with a session cookie has one event, while gunicorn's workers are killed."""

import os
import random
import threading
import time
from collections.abc import Iterator

import pytest

from tests.tracking.servers import SYNC, Server, Site, site_with_people

LOGINS = int(os.environ.get("TRACKING_LOGINS", "120"))
KILLS = max(4, LOGINS // 40)
CLIENTS = 6


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_with_people(tmp_path_factory.mktemp("acknowledged"), LOGINS) as made:
        yield made


@pytest.fixture
def gunicorn(site: Site) -> Iterator[Server]:
    with site.serving(SYNC) as server:
        yield server


def test_who_got_a_cookie_has_exactly_one_event(site: Site, gunicorn: Server) -> None:
    seed = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(10**6)
    print(f"SEED={seed}")
    randomness = random.Random(seed)
    names = [f"p{number}@example.com" for number in range(LOGINS)]
    waiting, acknowledged = list(names), set()
    lock = threading.Lock()

    def client() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                name = waiting.pop()
            try:
                if gunicorn.log_in(name):
                    acknowledged.add(name)
            except OSError:
                time.sleep(
                    0.05
                )  # the worker was killed during our request: it is unknown whether we are signed in

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in clients:
        thread.start()
    kills = 0
    while any(thread.is_alive() for thread in clients):
        time.sleep(randomness.uniform(0.05, 0.3))
        workers = gunicorn.process.children()
        if kills < KILLS and workers:
            randomness.choice(workers).kill()
            kills += 1
    for thread in clients:
        thread.join()
    site.manage("drain_events", "--once")

    events = dict(site.sql("SELECT identifier, count(*) FROM login_events WHERE success GROUP BY identifier"))
    assert kills >= 4
    assert len(acknowledged) > LOGINS // 2
    assert {name: events.get(name, 0) for name in acknowledged} == dict.fromkeys(acknowledged, 1)
    assert set(events.values()) == {1}
    sessions = dict(site.sql("SELECT user_id::text, count(*) FROM user_sessions GROUP BY user_id"))
    assert set(sessions.values()) == {1}
