"""Measures what the cache costs and saves; speeds are ratios to plain django-redis in the same run.

    python -m benchmarks.cache [--reads 20000]

Needs nothing: brings its own PostgreSQL and Valkey.
"""

import argparse
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

from cortex.embedded.postgres import EmbeddedPostgres
from cortex.embedded.valkey import EmbeddedValkey

ROUNDS = 40  # alternating, so that other load on the machine affects both equally
CALLERS, LOAD_SECONDS = 100, 0.05
# Requests come this fast, and lifetimes are shorter in proportion: a hit rate depends on the number and distribution of
# requests in a lifetime, not on seconds.
REQUESTS_PER_SECOND = 2_500
# alias → number of users or reports, and a site's requests per second
TRAFFIC = {"users": (1_000, (10, 30, 100)), "analytics": (50, (0.3, 1, 3))}
ZIPF_EXPONENT = 1.1
COUNTED = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--reads", type=int, default=20_000, help="number of timed reads of each kind")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cache-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with (
            EmbeddedPostgres(folder / "postgres", durable=False) as server,
            EmbeddedValkey(folder / "valkey") as valkey,
        ):
            os.environ |= {
                "DATABASE_URL": server.url,
                "REDIS_URL": valkey.url,
                "SECRET_KEY": "for-benchmarks-only-" + "0" * 40,
                "DJANGO_SETTINGS_MODULE": "cortex.settings",
            }
            measure(valkey.url, options.reads)


def measure(url: str, reads: int) -> None:
    import django

    django.setup()
    read_costs(url, reads)
    stampedes(url)
    hit_rates()


def show(what: str, figure: str) -> None:
    print(f"{what:72} {figure}", flush=True)


def plain_cache(url: str) -> Any:
    from django_redis.cache import RedisCache

    return RedisCache(url, {"KEY_PREFIX": "plain", "TIMEOUT": 300})


def read_costs(url: str, reads: int) -> None:
    from django.core.cache import caches

    profile = {
        "name": "Ann Anders", "email": "ann@example.com", "role": "Manager", "status": "Active", "own_povs": 12,
    }  # fmt: skip
    page = [
        [f"Endpoint protection {n}", "Acme, Inc.", "Active", "High", "ann@example.com", None]
        for n in range(50)
    ]
    plain, users = plain_cache(url), caches["users"]
    for name, value in (("a profile", profile), ("a page of 50 rows", page)):
        plain.set("users:1:value", value)
        users.set("users:1:value", value)
        theirs, ours = in_turns(
            [lambda: plain.get("users:1:value"), lambda: users.get("users:1:value")], reads // ROUNDS
        )
        show(f"get of {name}: ours, django-redis, µs", f"{ours:.0f}, {theirs:.0f}, ratio {ours / theirs:.2f}")
    users.get_or_set("users:1:warm", lambda: profile)
    plain.set("users:1:value", profile)
    theirs, ours = in_turns(
        [
            lambda: plain.get_or_set("users:1:value", lambda: profile),
            lambda: users.get_or_set("users:1:warm", lambda: profile),
        ],
        reads // ROUNDS,
    )
    show(
        "get_or_set of a warm profile: ours, django-redis, µs",
        f"{ours:.0f}, {theirs:.0f}, ratio {ours / theirs:.2f}",
    )


def in_turns(calls: list[Callable[[], Any]], times: int) -> list[float]:
    """Returns the median time of each call, in µs."""
    clock = time.perf_counter
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, times_taken in zip(calls, taken, strict=True):
            for _ in range(times):
                began = clock()
                call()
                times_taken.append(clock() - began)
    return [statistics.median(times_taken) * 1e6 for times_taken in taken]


def stampedes(url: str) -> None:
    from django.core.cache import caches

    for name, cache in (("ours", caches["analytics"]), ("plain django-redis", plain_cache(url))):
        loads: list[int] = []
        seconds = crowd(cache, loads)
        show(
            f"{CALLERS} callers of a cold key that takes {LOAD_SECONDS * 1e3:.0f} ms to load: {name}",
            f"{len(loads)} loads, the slowest answer after {seconds * 1e3:.0f} ms",
        )


def crowd(cache: Any, loads: list[int]) -> float:
    start = threading.Barrier(CALLERS)
    waited: list[float] = []

    def load() -> str:
        loads.append(1)
        time.sleep(LOAD_SECONDS)
        return "value"

    def call() -> None:
        start.wait()
        began = time.perf_counter()
        cache.get_or_set("report:cold", load)
        waited.append(time.perf_counter() - began)

    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(waited)


def hit_rates() -> None:
    from django.conf import settings
    from django.core.cache import caches

    for alias, (things, rates) in TRAFFIC.items():
        lifetime = settings.CACHES[alias]["TIMEOUT"]
        for rate in rates:
            cache: Any = caches[alias]
            cache.clear()
            hits, asked = traffic(cache, things, requests_per_lifetime=rate * lifetime)
            show(
                f"hit rate of {alias}, {rate:g} requests per second for {things:,} things",
                f"{hits / asked:.1%} of {asked:,}",
            )


def traffic(cache: Any, things: int, *, requests_per_lifetime: float) -> tuple[int, int]:
    """Returns hits and requests, after a lifetime of warm-up. The caller that loads for the others counts as a miss."""
    timeout = requests_per_lifetime / REQUESTS_PER_SECOND
    warm_up = int(requests_per_lifetime)
    began, hits, asked = time.monotonic(), 0, max(COUNTED, warm_up)
    for number, thing in enumerate(zipf(things, warm_up + asked)):
        early = began + number / REQUESTS_PER_SECOND - time.monotonic()
        if early > 0:
            time.sleep(early)
        loads: list[int] = []
        cache.get_or_set(f"zipf:{thing}:value", lambda loads=loads: loads.append(1) or "x" * 200, timeout)
        hits += number >= warm_up and not loads
    return hits, asked


def zipf(things: int, number: int) -> list[int]:
    weights = list(accumulate(1 / rank**ZIPF_EXPONENT for rank in range(1, things + 1)))
    return random.Random(1).choices(range(things), cum_weights=weights, k=number)


if __name__ == "__main__":
    main()
