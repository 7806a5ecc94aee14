"""Who is at the other end of a request: address, user agent, device."""

import ipaddress
from dataclasses import dataclass

from django.http import HttpRequest

from tracking.conf import conf
from tracking.device import OTHER, READ_CHARACTERS, Device, parse_headers
from tracking.events import storable
from tracking.health import report_fault


@dataclass(frozen=True, slots=True)
class Client:
    device: Device
    ip_address: str | None = None
    user_agent: str = ""


UNKNOWN = Device(OTHER)
NOBODY = Client(UNKNOWN)


def client_of(request: HttpRequest | None) -> Client:
    """The client of a request; of none where there is no request (a command, a task)."""
    if request is None:
        return NOBODY
    user_agent = storable(request.META.get("HTTP_USER_AGENT", ""), READ_CHARACTERS)
    try:
        device = parse_headers(request.headers)
    except Exception as error:  # a login from we know not what is still a login
        report_fault("Parsing a user agent", error)
        device = UNKNOWN
    return Client(device, client_ip(request), user_agent)


def client_ip(request: HttpRequest) -> str | None:
    """The client's address, as far as it is to be kept (`IP_BITS_V4`, `IP_BITS_V6`); None where there is none.

    Each proxy of the site's own appends the address that it was called from to X-Forwarded-For. With n of them the
    client is the n-th entry from the right; whatever stands further left, the client wrote itself. A chain that is
    shorter than that did not come by way of the proxies, so only the connection's own address counts.
    """
    address = None
    if count := conf.TRUSTED_PROXY_COUNT:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if len(forwarded) >= count:
            address = parse_address(forwarded[-count])
    return truncated(address or parse_address(request.META.get("REMOTE_ADDR") or ""))


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_address(text: str) -> Address | None:
    """An address as it may stand in a header: with a port, in brackets, with a zone, as IPv4 within IPv6."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def truncated(address: Address | None) -> str | None:
    if address is None:
        return None
    bits = conf.IP_BITS_V4 if address.version == 4 else conf.IP_BITS_V6
    if bits is None:
        return str(address)
    return str(ipaddress.ip_network((address, bits), strict=False).network_address)
