"""Tells which addresses of the internet a webhook may be sent to: none that only this machine's network can reach."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# RFC 6052 and RFC 8215: IPv4 addresses for machines that have IPv6 only.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
# RFC 4291, deprecated: an IPv4 address after 96 zero bits.
IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")
LOWEST_32_BITS = 0xFFFF_FFFF


def is_public(address: Address) -> bool:
    """Tell whether the address is one of the internet. An IPv4 address within an IPv6 one must be public itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if (inner := _ipv4_within(address)) is not None:
            return is_public(inner)
        if address.teredo or address.is_site_local or address in NAT64_LOCAL or address in IPV4_COMPATIBLE:
            return False
    is_special = (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )
    return address.is_global and not is_special


def _ipv4_within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & LOWEST_32_BITS)
    return address.ipv4_mapped or address.sixtofour
