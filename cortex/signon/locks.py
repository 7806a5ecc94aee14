"""Lists who is locked out by the limits of tries, and lets them in again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache

from cortex.models import User
from cortex.signon.device import hash_of
from cortex.signon.limits import LIMITS, PREFIX


class CacheCannotList(Exception):
    """The cache is not in Redis, so every process has its own counters."""


@dataclass(frozen=True)
class Lock:
    """A counter that is past its limit. `name`: the hash of a name, "" for all names; `network`: "" for all of them."""

    key: str
    kind: str
    name: str
    network: str
    tries: int
    seconds_left: int


def locks() -> Iterator[Lock]:
    """Raises CacheCannotList."""
    for counter in _counters():
        if counter.tries > LIMITS[counter.kind].most:
            yield counter


def lift(who: str = "") -> int:
    """Forget what was counted for a name or a network, in each of which it takes part; for "" all of it. How many."""
    known_as = hash_of(who) if who else ""
    keys = [
        counter.key for counter in _counters() if not who or {known_as, who} & {counter.name, counter.network}
    ]
    cache.delete_many(keys)
    return len(keys)


def names(hashes: set[str]) -> dict[str, str]:
    """The users' names that have one of these hashes, by hash. Names without an account are kept as hashes alone."""
    emails = User.objects.values_list("email", flat=True).iterator()
    return {hashed: email for email in emails if (hashed := hash_of(email)) in hashes}


def _counters() -> Iterator[Lock]:
    shared: Any = cache
    if not hasattr(shared, "iter_keys"):
        raise CacheCannotList
    for key in shared.iter_keys(f"{PREFIX}:*"):
        _, kind, rest = key.split(":", 2)
        number = cache.get(key)
        if kind in LIMITS and number is not None:
            yield Lock(key, kind, *_subject(kind, rest), tries=number, seconds_left=shared.ttl(key) or 0)


def _subject(kind: str, rest: str) -> tuple[str, str]:
    """(hash of the name, network), as `limits` puts them into a key."""
    if kind in ("network", "begin"):
        return "", rest
    name, _, network = rest.partition(":")
    return name, network if kind == "pair" else ""
