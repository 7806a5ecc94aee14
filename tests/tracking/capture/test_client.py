"""Tests the client's address: entries are counted from the right, by the number of proxies."""

from typing import Any

import pytest
from django.test import RequestFactory

from tracking.capture.client import client_ip, client_of, parse_address


def address(
    settings: Any, count: int, forwarded: str | None, remote: str = "10.0.0.3", **other: Any
) -> str | None:
    settings.TRACKING = {"TRUSTED_PROXY_COUNT": count} | other
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return client_ip(RequestFactory().get("/", REMOTE_ADDR=remote, **headers))


@pytest.mark.parametrize(
    ("count", "forwarded", "expected"),
    [
        (0, None, "10.0.0.3"),
        (0, "6.6.6.6", "10.0.0.3"),
        (1, "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        (2, "6.6.6.6, 198.51.100.7, 10.0.0.9", "198.51.100.7"),
        (2, "198.51.100.7", "10.0.0.3"),
        (1, None, "10.0.0.3"),
        (1, "", "10.0.0.3"),
        (1, "unknown", "10.0.0.3"),
        (1, "198.51.100.7:4711", "198.51.100.7"),
        (1, "[2001:db8::1]:443", "2001:db8::1"),
        (1, "::ffff:198.51.100.7", "198.51.100.7"),
        (1, "fe80::1%eth0", "fe80::1"),
    ],
)
def test_only_what_trusted_proxies_wrote_counts(
    settings: Any, count: int, forwarded: str | None, expected: str
) -> None:
    assert address(settings, count, forwarded) == expected


@pytest.mark.parametrize("remote", ["", "unix:", "not an address"])
def test_a_socket_without_an_address_has_none(settings: Any, remote: str) -> None:
    assert address(settings, 0, None, remote=remote) is None


def test_addresses_are_truncated_where_the_site_says_so(settings: Any) -> None:
    assert address(settings, 0, None, remote="198.51.100.77", IP_BITS_V4=24) == "198.51.100.0"
    assert address(settings, 0, None, remote="2001:db8:1:2:3::4", IP_BITS_V6=48) == "2001:db8:1::"


@pytest.mark.parametrize("text", ["1" * 5_000, "1.2.3.4.5", "::1::1", "[", "%", "1.2.3", "٣.٣.٣.٣"])
def test_rubbish_is_no_address(text: str) -> None:
    assert parse_address(text) is None


def test_without_a_request_there_is_no_client() -> None:
    client = client_of(None)

    assert (client.ip_address, client.user_agent, client.device.device_type) == (None, "", "other")
