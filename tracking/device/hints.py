"""Reads Client Hints: what browsers say beside a user agent that no longer changes."""

from collections.abc import Mapping
from dataclasses import replace

from tracking.device.kinds import BOT, MOBILE, OTHER, TABLET
from tracking.device.parse import NAME_CHARACTERS, READ_CHARACTERS, Device, parse_user_agent

# The name of a platform in Client Hints → its name in ua-parser.
PLATFORMS = {
    "Android": "Android",
    "Chrome OS": "Chrome OS",
    "Chromium OS": "Chrome OS",
    "iOS": "iOS",
    "Linux": "Linux",
    "macOS": "Mac OS X",
    "Windows": "Windows",
}
# https://learn.microsoft.com/microsoft-edge/web-platform/how-to-detect-win11
FIRST_OF_WINDOWS_11 = 13


def parse_headers(headers: Mapping[str, str]) -> Device:
    """Return the device that sent these request headers, using its Client Hints as well."""
    device = parse_user_agent(headers.get("User-Agent"))
    return _with_hints(device, headers) if "Sec-CH-UA-Platform" in headers else device


def _with_hints(device: Device, headers: Mapping[str, str]) -> Device:
    """Correct a frozen user agent: Windows 11 says it is 10, and a tablet may say it is a desktop."""
    platform = PLATFORMS.get(_unquoted(headers.get("Sec-CH-UA-Platform", "")), "")
    if device.device_type == BOT or not platform:
        return device
    version = _unquoted(headers.get("Sec-CH-UA-Platform-Version", ""))
    if platform == "Windows":
        version = _windows_version(version)
    elif not version.replace(".", "").isdecimal():
        version = ""
    kind = device.device_type
    if platform == "Android" and kind != OTHER:
        kind = MOBILE if headers.get("Sec-CH-UA-Mobile") == "?1" else TABLET
    parsed_version = device.os_version if platform == device.os else ""
    os_version = version[:NAME_CHARACTERS] or parsed_version
    return replace(device, device_type=kind, os=platform, os_version=os_version)


def _windows_version(version: str) -> str:
    major = version.partition(".")[0]
    if not major.isascii() or not major.isdecimal() or not int(major):
        return ""
    return "11" if int(major) >= FIRST_OF_WINDOWS_11 else "10"


def _unquoted(value: str) -> str:
    return value[:READ_CHARACTERS].strip().strip('"')
