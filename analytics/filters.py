"""What a report is narrowed to: at most one value for each dimension."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

OUTCOMES = {"success": True, "failure": False}
SUCCESS_NAMES = {success: name for name, success in OUTCOMES.items()}
# What the 15 minutes and the hours are counted by; the rest is known of days only.
NARROW = ("outcome", "method", "device")
WIDE = ("browser", "os", "reason")
DIMENSIONS = (*NARROW, *WIDE)
MOST_CHARACTERS = 100


class BadFilter(ValueError):
    """No such value; the message is fit to be shown."""


@dataclass(frozen=True)
class Filters:
    """None: not narrowed. The empty text is a value as well: logins of which a dimension is not known."""

    outcome: str | None = None
    method: str | None = None
    device: str | None = None
    browser: str | None = None
    os: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.outcome is not None and self.outcome not in OUTCOMES:
            raise BadFilter(f'The outcome "{self.outcome[:20]}" is neither "success" nor "failure".')

    @property
    def success(self) -> bool | None:
        return None if self.outcome is None else OUTCOMES[self.outcome]

    @cached_property
    def active(self) -> dict[str, str]:
        values = {name: getattr(self, name) for name in DIMENSIONS}
        return {name: value for name, value in values.items() if value is not None}

    @cached_property
    def wanted(self) -> dict[str, Any]:
        """As `active`, with the outcome as it is in the log."""
        return self.active | ({} if self.success is None else {"outcome": self.success})

    def admit(self, success: bool, values: Mapping[str, str]) -> bool:
        """Whether a login counts; `values` are by the other dimensions."""
        return all(
            success is self.success if name == "outcome" else values[name] == value
            for name, value in self.active.items()
        )

    @property
    def are_narrow(self) -> bool:
        return not any(name in self.active for name in WIDE)


def filters_of(query: Mapping[str, Any]) -> Filters:
    """Raises BadFilter."""
    wanted = {name: str(query[name])[:MOST_CHARACTERS] for name in DIMENSIONS if name in query}
    for name, value in wanted.items():
        if "\x00" in value:
            raise BadFilter(f"The {name} asked for has a NUL in it, which no text has.")
    return Filters(**wanted)
