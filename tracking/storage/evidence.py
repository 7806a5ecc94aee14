"""Counts, in the INSERT of a login, the earlier logins of its account, device and network."""

import datetime as dt
import ipaddress
from typing import Any

from django.db import connections, models
from django.db.models import Exists
from django.db.models.expressions import RawSQL
from django.db.models.functions import JSONObject

from tracking.conf import conf
from tracking.events import Login
from tracking.models import LoginEvent, database

# Counting stops here: during an attack there may be a million failures in the window.
MOST_COUNTED = 1_000


def evidence_of(event: Login) -> JSONObject:
    """Return an expression that the database evaluates to the evidence just before the event.

    account_failures   failures of the identifier within ALERT_WINDOW_MINUTES
    network_accounts   of a failure: other identifiers that failed from its network (/24, /64) in the same time
    logged_in_before   of a success: whether the user logged in within ALERT_NEW_DEVICE_DAYS
    device_known       of a success: whether one of those logins had the same device, browser and system
    """
    since = event.timestamp - dt.timedelta(minutes=conf.ALERT_WINDOW_MINUTES)
    evidence: dict[str, Any] = {"account_failures": _count_account_failures(event, since)}
    if not event.success:
        evidence["network_accounts"] = _count_network_accounts(event, since)
    elif event.user_id is not None:
        earlier = LoginEvent._base_manager.filter(
            user_id=event.user_id,
            success=True,
            timestamp__gt=event.timestamp - dt.timedelta(days=conf.ALERT_NEW_DEVICE_DAYS),
        )
        same = earlier.filter(device_type=event.device_type, browser=event.browser, os=event.os)
        evidence |= {"logged_in_before": Exists(earlier), "device_known": Exists(same)}
    return JSONObject(**evidence)


def _count_account_failures(event: Login, since: dt.datetime) -> Any:
    return RawSQL(
        "(SELECT count(*) FROM (SELECT 1 FROM login_events WHERE identifier = %s AND success = false "
        f"AND timestamp > %s AND timestamp <= %s LIMIT {MOST_COUNTED}) AS failures)",
        [event.identifier, _adapted(since), _adapted(event.timestamp)],
        output_field=models.IntegerField(),
    )


def _count_network_accounts(event: Login, since: dt.datetime) -> Any:
    if event.ip_address is None:
        return models.Value(0)
    where, parameters = _in_network(event.ip_address)
    return RawSQL(
        "(SELECT count(DISTINCT identifier) FROM (SELECT identifier FROM login_events WHERE success = false "
        f"AND {where} AND identifier <> %s AND timestamp > %s AND timestamp <= %s LIMIT {MOST_COUNTED}) AS failures)",
        [*parameters, event.identifier, _adapted(since), _adapted(event.timestamp)],
        output_field=models.IntegerField(),
    )


def _in_network(address: str) -> tuple[str, list[Any]]:
    """Select the addresses of a network as a range, which an index serves.

    Databases other than PostgreSQL store addresses as text, which has no such order; there only the address counts.
    """
    if connections[database()].vendor != "postgresql":
        return "ip_address = %s", [address]
    network = network_of(address)
    return "ip_address BETWEEN %s::inet AND %s::inet", [str(network[0]), str(network[-1])]


def network_of(address: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    bits = 24 if ipaddress.ip_address(address).version == 4 else 64
    return ipaddress.ip_network((address, bits), strict=False)


def _adapted(moment: dt.datetime) -> Any:
    return connections[database()].ops.adapt_datetimefield_value(moment)
