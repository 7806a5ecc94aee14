"""Recognises IP addresses by columns."""

import polars as pl

OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4 = rf"^{OCTET}(?:\.{OCTET}){{3}}$"
# IPv6 as Python writes it, in either case: groups without leading zeros, and "::" for at least two groups.
GROUP = "(?:0|[1-9A-Fa-f][0-9A-Fa-f]{0,3})"
SHORTENED = "|".join(
    (f"{GROUP}(?::{GROUP}){{{before - 1}}}" if before else "")
    + "::"
    + (f"(?:{GROUP}(?::{GROUP}){{0,{5 - before}}})?" if before < 6 else "")
    for before in range(7)
)
IPV6 = rf"^(?:{GROUP}(?::{GROUP}){{7}}|{SHORTENED})$"
# Zeros that Python would shorten too, or instead. And "::ffff:" begins an IPv4 address written as an IPv6 one.
WRITTEN_OTHERWISE = r"(?:^|:)0:(?::|0)|::0|^::[Ff]{4}:"


def is_ipv4(text: pl.Expr) -> pl.Expr:
    return text.str.contains(IPV4)


def is_ipv6(text: pl.Expr) -> pl.Expr:
    """Recognise addresses of which Python would change nothing but the case."""
    return text.str.contains(IPV6) & ~text.str.contains(WRITTEN_OTHERWISE)
