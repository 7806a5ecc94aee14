"""Reads what came from an address or a network: how many names it tried, and whether any got in."""

import datetime as dt
import ipaddress
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.models import DateTimeField, ExpressionWrapper, F, Q, Value

from analytics.calendar import clock
from analytics.panels.feed import Happening, Place, happenings
from analytics.panels.people import names_of
from analytics.words import number
from tracking.hashes import shortened
from tracking.models import LoginEvent, database
from tracking.storage.evidence import network_of

# The newest logins that are counted; of an address behind which a whole company sits there may be millions.
MOST_COUNTED = 10_000
NAMES_SHOWN = 30
MOST_COUNTRIES = 3
# Prefixes of the widest networks that are shown.
WIDEST_V4, WIDEST_V6 = 16, 32

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Name:
    """A name that was tried from the address, and what became of it."""

    user_id: Any
    text: str
    attempts: int
    successes: int

    @property
    def attempts_text(self) -> str:
        return number(self.attempts)

    @property
    def successes_text(self) -> str:
        return number(self.successes)


@dataclass(frozen=True, slots=True)
class Origin:
    """The newest logins from a network, at most MOST_COUNTED (then `is_complete` is False)."""

    attempts: int
    successes: int
    names: int
    first_at: dt.datetime | None
    last_at: dt.datetime | None
    is_complete: bool
    most_tried: tuple[Name, ...]
    countries: tuple[str, ...] = ()  # their codes, the most frequent first

    @property
    def failures(self) -> int:
        return self.attempts - self.successes

    @property
    def first(self) -> str:
        return clock(self.first_at) if self.first_at else "—"

    @property
    def last(self) -> str:
        return clock(self.last_at) if self.last_at else "—"


def parse(text: str) -> Network | None:
    """Parse an address or a network; None if it is neither. An address is a network of one."""
    if "%" in text:  # a zone, which databases do not store
        return None
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    return ipaddress.ip_network(mapped) if mapped is not None and is_single(network) else network


def can_be_shown(network: Network) -> bool:
    """Tell whether the logins of a network can be found in little time: wide ones hold a large part of the log."""
    widest = WIDEST_V4 if network.version == 4 else WIDEST_V6
    return is_single(network) or (has_networks() and network.prefixlen >= widest)


def is_single(network: Network) -> bool:
    return network.num_addresses == 1


def name_of(network: Network) -> str:
    return str(network.network_address) if is_single(network) else str(network)


def around(network: Network) -> Network | None:
    """Return the network of an address that alerts look at (/24, /64); None if it is one, or cannot be searched for.

    Databases other than PostgreSQL store addresses as text, which has no order of networks.
    """
    if not is_single(network) or not has_networks():
        return None
    return network_of(str(network.network_address))


def has_networks() -> bool:
    return connections[database()].vendor == "postgresql"


def origin(network: Network) -> Origin:
    columns = ("timestamp", "success", "user", "identifier", "country")
    rows = list(_newest(network).values_list(*columns)[:MOST_COUNTED])
    # A user has the same key under every name; a name without a user is a key of its own.
    keys = [(user_id, "" if user_id is not None else name) for _, _, user_id, name, _ in rows]
    attempts: Counter[tuple[Any, str]] = Counter(keys)
    successes = Counter(key for key, row in zip(keys, rows, strict=True) if row[1])
    most = attempts.most_common(NAMES_SHOWN)
    names = names_of(user_id for (user_id, _), _ in most)
    return Origin(
        attempts=len(rows),
        successes=successes.total(),
        names=len(attempts),
        first_at=rows[-1][0] if rows else None,
        last_at=rows[0][0] if rows else None,
        is_complete=len(rows) < MOST_COUNTED,
        most_tried=tuple(
            Name(
                user_id=user_id if user_id in names else None,
                text=names.get(user_id) or shortened(name) or "—",
                attempts=number,
                successes=successes[user_id, name],
            )
            for (user_id, name), number in most
        ),
        countries=tuple(
            code for code, _ in Counter(row[4] for row in rows if row[4]).most_common(MOST_COUNTRIES)
        ),
    )


def events_from(network: Network, *, after: Place | None, most: int) -> tuple[list[Happening], Place | None]:
    """Return the logins, the latest first, and the place to continue from; None at the end."""
    rows: Any = _newest(network)
    if after is not None:
        rows = rows.filter(after.behind(after.log))
    found = list(rows[: most + 1])
    shown = found[:most]
    events = happenings(shown, names_of(row.user_id for row in shown), most=most)
    if len(found) <= most:
        return events, None
    return events, Place(shown[-1].timestamp, 0, shown[-1].pk)


def _newest(network: Network) -> Any:
    """Return the logins, the latest first.

    The index on addresses has the order of a single one. For a network PostgreSQL would rather read the whole log by
    time until it has enough rows, which takes minutes where they are old. Sorting by an expression keeps it from that.
    """
    rows = logins_from(network)
    if is_single(network):
        return rows.order_by("-timestamp", "-id")
    moment = ExpressionWrapper(F("timestamp") + Value(dt.timedelta(0)), output_field=DateTimeField())
    return rows.annotate(moment=moment).order_by("-moment", "-id")


def logins_from(network: Network) -> Any:
    if is_single(network):
        return LoginEvent.objects.filter(ip_address=str(network.network_address))
    if not has_networks():
        return LoginEvent.objects.none()
    return LoginEvent.objects.filter(Q(ip_address__gte=str(network[0])) & Q(ip_address__lte=str(network[-1])))
