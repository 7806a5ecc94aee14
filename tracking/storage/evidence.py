"""Counts, in the INSERT of a login, the earlier logins of its account, device and network."""

import datetime as dt
import ipaddress
from typing import Any

from django.db import connections, models
from django.db.models.expressions import RawSQL

from tracking.conf import conf
from tracking.events import ERROR, Login
from tracking.models import LoginEvent, database

# Counting stops here: during an attack there may be a million failures in the window.
MOST_COUNTED = 1_000

FAILED = f"success = false AND failure_reason <> '{ERROR}'"

# SQL and its parameters. Django takes longer to compile the same from expressions than the database to answer it, and
# every login waits for it.
Sql = tuple[str, list[Any]]


def evidence_of(event: Login) -> RawSQL:
    """Return an expression that the database evaluates to the evidence just before the event.

    account_failures   failures of the identifier within ALERT_WINDOW_MINUTES
    network_accounts   of a failure: other identifiers that failed from its network (/24, /64) in the same time
    logged_in_before   of a success: whether the user logged in within ALERT_NEW_DEVICE_DAYS
    device_known       of a success: whether one of those logins had the same device, browser and system
    """
    since = event.timestamp - dt.timedelta(minutes=conf.ALERT_WINDOW_MINUTES)
    evidence = {"account_failures": _count_account_failures(event, since)}
    if not event.success:
        evidence["network_accounts"] = _count_network_accounts(event, since)
    elif event.user_id is not None:
        evidence["logged_in_before"] = _exists_login_of_user(event)
        evidence["device_known"] = _exists_login_of_user(
            event, device_type=event.device_type, browser=event.browser, os=event.os
        )
    return _as_json(evidence)


def _as_json(values: dict[str, Sql]) -> RawSQL:
    is_postgresql = connections[database()].vendor == "postgresql"
    pairs = ", ".join(f"'{name}', {sql}" for name, (sql, _) in values.items())
    return RawSQL(
        f"{'jsonb_build_object' if is_postgresql else 'json_object'}({pairs})",
        [parameter for _, parameters in values.values() for parameter in parameters],
        output_field=models.JSONField(),
    )


def _exists_login_of_user(event: Login, **same: str) -> Sql:
    user_id = LoginEvent._meta.get_field("user").get_db_prep_value(event.user_id, connections[database()])
    since = event.timestamp - dt.timedelta(days=conf.ALERT_NEW_DEVICE_DAYS)
    conditions = "".join(f" AND {column} = %s" for column in same)
    return (
        f"EXISTS (SELECT 1 FROM {_logins()} WHERE user_id = %s AND success = true AND timestamp > %s{conditions})",
        [user_id, _adapted(since), *same.values()],
    )


def _count_account_failures(event: Login, since: dt.datetime) -> Sql:
    sql = (
        f"(SELECT count(*) FROM (SELECT 1 FROM {_logins()} WHERE identifier = %s AND {FAILED} "
        f"AND timestamp > %s AND timestamp <= %s LIMIT {MOST_COUNTED}) AS failures)"
    )
    return sql, [event.identifier, _adapted(since), _adapted(event.timestamp)]


def _count_network_accounts(event: Login, since: dt.datetime) -> Sql:
    if event.ip_address is None:
        return "0", []
    where, parameters = _in_network(event.ip_address)
    sql = (
        f"(SELECT count(DISTINCT identifier) FROM (SELECT identifier FROM {_logins()} WHERE {FAILED} "
        f"AND {where} AND identifier <> %s AND timestamp > %s AND timestamp <= %s LIMIT {MOST_COUNTED}) AS failures)"
    )
    return sql, [*parameters, event.identifier, _adapted(since), _adapted(event.timestamp)]


def _in_network(address: str) -> Sql:
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


def _logins() -> str:
    return connections[database()].ops.quote_name(LoginEvent._meta.db_table)


def _adapted(moment: dt.datetime) -> Any:
    return connections[database()].ops.adapt_datetimefield_value(moment)
