"""Lists who is locked out by the limits of tries, and lifts locks."""

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
    """A counter past its limit. `name`: the hash of a name, "" for all names. `network`: "" for all networks."""

    key: str
    kind: str
    name: str
    network: str
    tries: int
    seconds_left: int


def locks() -> Iterator[Lock]:
    """Yields the counters past their limits. Raises CacheCannotList."""
    for counter in _counters():
        if counter.tries > LIMITS[counter.kind].most:
            yield counter


def lift(who: str = "") -> int:
    """Deletes the counters of a name or a network, or all for "". Returns how many. Raises CacheCannotList."""
    name_hash = hash_of(who) if who else ""
    keys = [
        counter.key
        for counter in _counters()
        if not who or {name_hash, who} & {counter.name, counter.network}
    ]
    cache.delete_many(keys)
    return len(keys)


def names(hashes: set[str]) -> dict[str, str]:
    """Returns hash → e-mail address of the users with these hashes. Other names exist only as hashes.

    Reads the addresses of all users.
    """
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
    """Splits the rest of a key of `limits` into (hash of the name, network)."""
    if kind in ("network", "begin", "reset"):
        return "", rest
    name, _, network = rest.partition(":")
    return name, network if kind == "pair" else ""
