"""Parses the User-Agent header into a device. The only module that knows the parser of browsers and systems.

Browser and operating system come from ua-parser's rules, run by its Rust engine; `kinds` decides the kind of device,
which those rules do not tell.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

from ua_parser import Domain, load_lazy_builtins
from ua_parser.regex import Resolver

from tracking.device.kinds import OTHER, kind_of

# The part of a header that is read. Real ones are shorter; longer ones attack parsers and disk space.
READ_CHARACTERS = 512
# Distinct strings cached in each process. Browsers of one version share theirs, so a few thousand cover most of them.
CACHED_USER_AGENTS = 4_096
NAME_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Device:
    """A device. `device_type` is "desktop", "mobile", "tablet", "bot" or "other"; unknown texts are empty.

    `browser_version` and `os_version` are "major.minor" or "major". Every text has at most 60 characters.
    """

    device_type: str
    browser: str = ""
    browser_version: str = ""
    os: str = ""
    os_version: str = ""


def parse_user_agent(text: str | None) -> Device:
    """Return the device of a User-Agent header. Never raises; an empty text or None is `Device("other")`.

    Reads the first 512 characters, and caches the results of 4,096 distinct texts per process. Sources:
    https://github.com/ua-parser/uap-core, https://github.com/monperrus/crawler-user-agents, and `kinds.RULES`.
    """
    text = (text or "")[:READ_CHARACTERS].replace("\0", "")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()  # the engine cannot read half a surrogate pair
    return parsed(text)


@lru_cache(maxsize=CACHED_USER_AGENTS)
def parsed(text: str) -> Device:
    """Parse a text that `parse_user_agent` has cleaned."""
    if not text:
        return Device(OTHER)
    names = _names()(text, Domain.USER_AGENT | Domain.OS)
    browser, os = names.user_agent, names.os
    return Device(
        device_type=kind_of(text),
        browser=browser.family[:NAME_CHARACTERS] if browser else "",
        browser_version=_version(browser.major, browser.minor) if browser else "",
        os=os.family[:NAME_CHARACTERS] if os else "",
        os_version=_version(os.major, os.minor) if os else "",
    )


def _version(major: str | None, minor: str | None) -> str:
    return ".".join(part for part in (major, minor) if part)[:NAME_CHARACTERS]


@cache
def _names() -> Resolver:
    return Resolver(load_lazy_builtins())
