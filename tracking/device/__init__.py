"""Parses user agents and Client Hints into devices.

`hints` reads the headers of a request, `parse` its user agent, and `kinds` decides what kind of device it names.
"""

from tracking.device.hints import parse_headers
from tracking.device.kinds import BOT, DESKTOP, MOBILE, OTHER, TABLET
from tracking.device.parse import READ_CHARACTERS, Device, parse_user_agent

__all__ = [
    "BOT",
    "DESKTOP",
    "MOBILE",
    "OTHER",
    "READ_CHARACTERS",
    "TABLET",
    "Device",
    "parse_headers",
    "parse_user_agent",
]
