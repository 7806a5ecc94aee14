"""Finds the client of a request: its IP address, user agent and device."""

import ipaddress
from dataclasses import dataclass

from django.http import HttpRequest

from tracking.conf import conf
from tracking.device import OTHER, READ_CHARACTERS, Device, parse_headers
from tracking.events import storable
from tracking.health import report_fault
from tracking.places import Address, country_of


@dataclass(frozen=True, slots=True)
class Client:
    device: Device
    ip_address: str | None = None
    user_agent: str = ""
    country: str = ""


UNKNOWN = Device(OTHER)
NOBODY = Client(UNKNOWN)


def client_of(request: HttpRequest | None) -> Client:
    """Return the client of a request, or NOBODY without a request (in a command or a task)."""
    if request is None:
        return NOBODY
    user_agent = storable(request.META.get("HTTP_USER_AGENT", ""), READ_CHARACTERS)
    try:
        device = parse_headers(request.headers)
    except Exception as error:  # a login from an unknown device is still recorded
        report_fault("Parsing a user agent", error)
        device = UNKNOWN
    address = client_address(request)
    return Client(device, truncated(address), user_agent, country_of(address))


def client_ip(request: HttpRequest) -> str | None:
    """Return the client's address, truncated to `IP_BITS_V4` or `IP_BITS_V6`; None if it is unknown."""
    return truncated(client_address(request))


def client_address(request: HttpRequest) -> Address | None:
    """Return the client's whole address, which is not stored; None if it is unknown.

    Each of the site's own proxies appends the address that it was called from to X-Forwarded-For. With n proxies, the
    client is the n-th entry from the right; the client itself may have written the entries left of it. A request with
    fewer entries did not come through the proxies, so only the address of its connection counts.
    """
    address = None
    if count := conf.TRUSTED_PROXY_COUNT:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if len(forwarded) >= count:
            address = parse_address(forwarded[-count])
    return address or parse_address(request.META.get("REMOTE_ADDR") or "")


def parse_address(text: str) -> Address | None:
    """Parse an address from a header: with a port, in brackets, with a zone, or as IPv4 in IPv6. None if invalid."""
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
