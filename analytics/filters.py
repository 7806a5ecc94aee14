"""The filters of a report: at most one value for each dimension."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

OUTCOMES = {"success": True, "failure": False}
OUTCOME_NAMES = {success: name for name, success in OUTCOMES.items()}
# Slots and hours are counted by the narrow dimensions; days and months by all of them.
NARROW = ("outcome", "method", "device")
WIDE = ("browser", "os", "reason")
DIMENSIONS = (*NARROW, *WIDE)
MOST_CHARACTERS = 100


class BadFilter(ValueError):
    """The value of a filter is invalid. The message may be shown to the user."""


@dataclass(frozen=True)
class Filters:
    """One value per dimension; None does not filter. The empty text is a value too: the dimension is unknown.

    `outcome` is "success" or "failure". The other values are those of the log, such as method="google" or
    device="mobile", or "(other)" for values beyond the 250 of a dimension. Raises BadFilter for another outcome.
    """

    outcome: str | None = None
    method: str | None = None
    device: str | None = None
    browser: str | None = None
    os: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.outcome is not None and self.outcome not in OUTCOMES:
            raise BadFilter(
                _('Invalid outcome "%(outcome)s": use "success" or "failure".')
                % {"outcome": self.outcome[:20]}
            )

    @property
    def success(self) -> bool | None:
        return None if self.outcome is None else OUTCOMES[self.outcome]

    @cached_property
    def active(self) -> dict[str, str]:
        """The filters that are set, by dimension."""
        values = {name: getattr(self, name) for name in DIMENSIONS}
        return {name: value for name, value in values.items() if value is not None}

    @cached_property
    def log_values(self) -> dict[str, Any]:
        """The filters that are set, with the outcome as the log has it: a boolean."""
        return self.active | ({} if self.success is None else {"outcome": self.success})

    def admit(self, success: bool, values: Mapping[str, str]) -> bool:
        """Tell whether a login matches; `values` has its other dimensions."""
        return all(
            success is self.success if name == "outcome" else values[name] == value
            for name, value in self.active.items()
        )

    @property
    def are_narrow(self) -> bool:
        """Whether slots and hours are counted by these filters."""
        return not any(name in self.active for name in WIDE)


def filters_of(query: Mapping[str, Any]) -> Filters:
    """Read the filters from a query string. Raises BadFilter."""
    values = {name: str(query[name])[:MOST_CHARACTERS] for name in DIMENSIONS if name in query}
    for name, value in values.items():
        if "\x00" in value:
            raise BadFilter(_('The filter "%(name)s" contains a NUL character; remove it.') % {"name": name})
    return Filters(**values)
