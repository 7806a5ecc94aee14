"""Counts, in the INSERT of a login, the earlier logins of its account, device and network."""

import datetime as dt
import ipaddress
from typing import Any

from django.db import connections, models
from django.db.models.expressions import RawSQL

from tracking.conf import conf
from tracking.events import ERROR, Login
from tracking.models import LoginEvent, database
from tracking.places import place_of_stored

# Counting stops here: during an attack there may be a million failures in the window.
MOST_COUNTED = 1_000
# So many of a user's newest logins are searched for a country.
MOST_SEARCHED = 10_000

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
    country_known      of a success: whether one of those logins was from the same country; null if of none it is known
    previous           of a success with a known place: the latest of those logins from a country that is known,
                       `ip_address` and the `seconds` since; null if it was from the same address
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
        if event.country and conf.ALERT_NEW_COUNTRY:
            evidence["country_known"] = _is_country_known(event)
        if conf.ALERT_TRAVEL_KMH and _has_coordinates(event):
            evidence["previous"] = _previous(event)
    return _as_json(evidence)


def _as_json(values: dict[str, Sql]) -> RawSQL:
    pairs = ", ".join(f"'{name}', {sql}" for name, (sql, _) in values.items())
    return RawSQL(
        f"{'jsonb_build_object' if _is_postgresql() else 'json_object'}({pairs})",
        [parameter for _, parameters in values.values() for parameter in parameters],
        output_field=models.JSONField(),
    )


def _exists_login_of_user(event: Login, **same: str) -> Sql:
    where, parameters = _of_user(event)
    conditions = "".join(f" AND {column} = %s" for column in same)
    return f"EXISTS (SELECT 1 FROM {_logins()} WHERE {where}{conditions})", [*parameters, *same.values()]


def _is_country_known(event: Login) -> Sql:
    newest, parameters = _newest_of_user(event)
    from_here, from_anywhere = (
        f"EXISTS (SELECT 1 FROM {newest} WHERE {same})" for same in ("country = %s", "country <> ''")
    )
    sql = f"CASE WHEN {from_here} THEN true WHEN {from_anywhere} THEN false END"
    return sql, [*parameters, event.country, *parameters]


def _has_coordinates(event: Login) -> bool:
    place = place_of_stored(event.ip_address)
    return place is not None and place.coordinates is not None


def _previous(event: Login) -> Sql:
    newest, parameters = _newest_of_user(event)
    latest = (
        f"SELECT ip_address, timestamp FROM {newest} WHERE timestamp <= %s AND country <> '' "
        "AND ip_address IS NOT NULL ORDER BY timestamp DESC LIMIT 1"
    )
    if _is_postgresql():
        sql = (
            "(SELECT jsonb_build_object('ip_address', host(ip_address), 'seconds', extract(epoch FROM "
            f"%s::timestamptz - timestamp)) FROM ({latest}) AS latest WHERE ip_address <> %s::inet)"
        )
    else:  # `json`, because the result of a subquery is a text
        sql = (
            "json((SELECT json_object('ip_address', ip_address, 'seconds', (julianday(%s) - julianday(timestamp)) "
            f"* 86400) FROM ({latest}) AS latest WHERE ip_address <> %s))"
        )
    now = _adapted(event.timestamp)
    return sql, [now, *parameters, now, event.ip_address]


def _newest_of_user(event: Login) -> Sql:
    """Select a bounded number of the user's logins: a program may have millions from before there was a database."""
    where, parameters = _of_user(event)
    columns = "country, ip_address, timestamp"
    sql = f"(SELECT {columns} FROM {_logins()} WHERE {where} ORDER BY timestamp DESC LIMIT {MOST_SEARCHED}) AS newest"
    return sql, parameters


def _of_user(event: Login) -> Sql:
    """Select the logins of the event's user within ALERT_NEW_DEVICE_DAYS."""
    user_id = LoginEvent._meta.get_field("user").get_db_prep_value(event.user_id, connections[database()])
    since = event.timestamp - dt.timedelta(days=conf.ALERT_NEW_DEVICE_DAYS)
    return "user_id = %s AND success = true AND timestamp > %s", [user_id, _adapted(since)]


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
    if not _is_postgresql():
        return "ip_address = %s", [address]
    network = network_of(address)
    return "ip_address BETWEEN %s::inet AND %s::inet", [str(network[0]), str(network[-1])]


def network_of(address: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    bits = 24 if ipaddress.ip_address(address).version == 4 else 64
    return ipaddress.ip_network((address, bits), strict=False)


def _is_postgresql() -> bool:
    return connections[database()].vendor == "postgresql"


def _logins() -> str:
    return connections[database()].ops.quote_name(LoginEvent._meta.db_table)


def _adapted(moment: dt.datetime) -> Any:
    return connections[database()].ops.adapt_datetimefield_value(moment)
