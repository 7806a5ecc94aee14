"""Counts the logins that succeeded around an attack: whether somebody got in."""

import datetime as dt
import ipaddress
from typing import Any

from django.db import connections

from tracking.conf import conf
from tracking.models import LoginEvent, SecurityAlert, database
from tracking.storage.evidence import network_of


def successes_around(alert: SecurityAlert) -> int:
    """Count the logins of the attacked account, or from the attacking network, from one window before to one after.

    Without PostgreSQL, the network is the address alone, as in the evidence.
    """
    window = dt.timedelta(minutes=conf.ALERT_WINDOW_MINUTES)
    logins: Any = LoginEvent.objects.using(database()).filter(
        success=True, timestamp__gte=alert.timestamp - window, timestamp__lte=alert.timestamp + window
    )
    if alert.kind == SecurityAlert.Kind.SPRAYING:
        return int(_from_network(logins, alert.ip_address).count()) if alert.ip_address else 0
    return int(logins.filter(user=alert.user_id).count()) if alert.user_id is not None else 0


def _from_network(logins: Any, address: str) -> Any:
    if connections[database()].vendor != "postgresql":
        return logins.filter(ip_address=address)
    network: ipaddress.IPv4Network | ipaddress.IPv6Network = network_of(address)
    return logins.filter(ip_address__gte=str(network[0]), ip_address__lte=str(network[-1]))
