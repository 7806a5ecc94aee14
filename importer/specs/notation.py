"""Describes how people write numbers and booleans in a column."""

import re
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

# Signs that typists and programs use for the same.
ALIKE = {" ": " \u00a0\u202f", "'": "'\u2019"}


@dataclass(frozen=True, slots=True)
class Notation:
    """A column's notation: 1.234,50 has the decimal sign "," and the thousands sign "."; "Ja" is true.

    A group of thousands has three digits, so that "12.34" is not taken for 1234. Raises ImproperlyConfigured.
    """

    decimal: str = ""
    thousands: str = ""
    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("decimal", "thousands"):
            sign = getattr(self, name)
            if sign and (len(sign) != 1 or sign.isalnum() or sign in "+-"):
                raise ImproperlyConfigured(
                    f'Column: invalid {name} "{sign}"; use one sign, such as "," or ".".'
                )
        if self.thousands and self.thousands == self.decimal_sign:
            raise ImproperlyConfigured(
                f'Column: "{self.thousands}" cannot be both the decimal and the thousands sign; name both.'
            )
        if both := sorted(set(self.true) & set(self.false)):
            raise ImproperlyConfigured(f'Column: "{both[0]}" is both true and false.')

    @property
    def is_of_numbers(self) -> bool:
        return bool(self.decimal or self.thousands)

    @property
    def is_of_booleans(self) -> bool:
        return bool(self.true or self.false)

    @property
    def decimal_sign(self) -> str:
        return self.decimal or "."

    @property
    def thousands_signs(self) -> str:
        """Return the pattern of one thousands sign; empty if there is none."""
        return f"[{re.escape(ALIKE.get(self.thousands, self.thousands))}]" if self.thousands else ""

    @property
    def pattern(self) -> str:
        """Return the pattern of a number, for Python and for Polars."""
        groups = rf"[0-9]{{1,3}}(?:{self.thousands_signs}[0-9]{{3}})+|" if self.thousands else ""
        return rf"^\s*[+-]?(?:{groups}[0-9]+)(?:{re.escape(self.decimal_sign)}[0-9]+)?\s*$"
