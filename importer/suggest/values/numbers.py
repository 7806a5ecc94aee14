"""Finds how a column writes numbers: the decimal sign, and the sign between thousands."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from importer.suggest.guess import Alternative, Guess

BLANKS = " \u00a0\u202f"
MARKS = re.compile(r"[+-]?[0-9]*(?:[.,' \u00a0\u202f\u2019][0-9]+)*(?:[eE][+-]?[0-9]{1,3})?")
# What stands around a number in some files; the importer reads numbers alone.
AROUND = re.compile(r"^(?:[€$£¥%]|EUR|USD|CHF)\s?|\s?(?:[€$£¥%]|EUR|USD|CHF)$")
ENOUGH = 0.9


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How numbers are written. `places`: digits behind the decimal sign, at most."""

    decimal: str = "."
    thousands: str = ""
    is_whole: bool = False
    has_leading_zeros: bool = False
    has_exponent: bool = False
    around: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether Django reads it by itself."""
        return (self.decimal == "." or self.is_whole) and not self.thousands and not self.around


def guess_format(values: Mapping[str, int]) -> Guess[NumberFormat] | None:
    """Guess how a column's values, which are given with their numbers, write numbers. None: they are none."""
    total = sum(values.values())
    around = next((m[0].strip() for text in values if (m := AROUND.search(text.strip()))), "")
    texts = {AROUND.sub("", text.strip()): number for text, number in values.items()} if around else values
    numbers = {
        t.strip(): n for t, n in texts.items() if any(c.isdigit() for c in t) and MARKS.fullmatch(t.strip())
    }
    if sum(numbers.values()) < ENOUGH * total:
        return None
    read = _signs(list(numbers))
    if read is None:
        return None
    decimal, thousands, told, alternative = read
    plain = [text.lstrip("+-") for text in numbers]
    whole = not decimal
    found = NumberFormat(
        decimal or ".",
        thousands,
        whole,
        has_leading_zeros=whole and not thousands and any(len(t) > 1 and t.startswith("0") for t in plain),
        has_exponent=any("e" in text.casefold() for text in plain),
        around=around,
    )
    if around:
        told = f"“{around}” stands beside the numbers; {told}"
    if alternative is None:
        return Guess(found, "sure" if len(texts) == len(numbers) else "likely", told)
    other = NumberFormat(alternative[0] or ".", alternative[1], not alternative[0], around=around)
    meaning = "a decimal sign" if alternative[0] else "a sign between thousands"
    return Guess(
        found, "doubtful", told, (Alternative(other, f"“{alternative[0] or alternative[1]}” is {meaning}"),)
    )


# (decimal, thousands, evidence, (decimal, thousands) of another reading)
Reading = tuple[str, str, str, tuple[str, str] | None]


def _signs(texts: list[str]) -> Reading | None:
    """Return what the signs in the numbers mean, and which value shows it. None: they contradict each other."""
    for text in texts:
        used = re.findall(r"[.,]", text)
        if len(set(used)) == 2:
            decimal = used[-1]
            if used.count(decimal) > 1:
                return None
            return _checked(texts, decimal, used[0], f"“{text}” has both signs")
    sign = next((sign for sign in ",." if any(sign in text for text in texts)), "")
    spaced = next((c for c in (*BLANKS, "'", "’") if any(c in text for text in texts)), "")
    if spaced:
        thousands = " " if spaced in BLANKS else "'"
        example = next(text for text in texts if spaced in text)
        return _checked(texts, sign, thousands, f"“{example}” has blanks or apostrophes between thousands")
    if not sign:
        return "", "", "all are whole numbers", None
    return _one_sign(texts, sign)


def _one_sign(texts: list[str], sign: str) -> Reading | None:
    with_sign = [text for text in texts if sign in text]
    if any("." in text for text in texts) and any("," in text for text in texts):
        return _two_signs(texts)
    repeated = next((text for text in with_sign if text.count(sign) > 1), "")
    if repeated:
        return _checked(texts, "", sign, f"“{repeated}” has it between thousands")
    proof = next((text for text in with_sign if not _may_be_thousands(text, sign)), "")
    if proof:
        return sign, "", f"“{proof}” has it before decimals", None
    long = next((text for text in texts if sign not in text and len(text.lstrip("+-")) > 3), "")
    if long:
        return sign, "", f"“{long}” has nothing between thousands, so “{sign}” stands before decimals", None
    told = f"“{with_sign[0]}” may have a sign between thousands or before decimals"
    # Programs write three decimals with a point, people thousands with a comma: the more frequent meaning first.
    return (".", "", told, ("", ".")) if sign == "." else ("", ",", told, (",", ""))


def _two_signs(texts: list[str]) -> Reading | None:
    """Read a column in which some numbers have one sign, and others the other one."""
    for decimal, thousands in ((",", "."), (".", ",")):
        if all(_may_be_thousands(text, thousands) for text in texts if thousands in text) and any(
            not _may_be_thousands(text, decimal) for text in texts if decimal in text
        ):
            if not all(_may_be_thousands(t, thousands) for t in texts if thousands in t):
                continue
            example = next(text for text in texts if decimal in text)
            return decimal, thousands, f"“{example}” has decimals", None
    return None


def _may_be_thousands(text: str, sign: str) -> bool:
    groups = text.lstrip("+-").split(sign)
    first_is_group = 1 <= len(groups[0]) <= 3 and not groups[0].startswith("0")
    return first_is_group and all(len(group) == 3 and group.isdigit() for group in groups[1:])


def _checked(texts: list[str], decimal: str, thousands: str, told: str) -> Reading | None:
    """Return the reading if every number with signs follows it."""
    sign = re.escape(thousands) if thousands not in (" ", "'") else r"[ \u00a0\u202f'’]"
    fraction = rf"(?:{re.escape(decimal)}[0-9]+)?" if decimal else ""
    pattern = re.compile(rf"[+-]?(?:[0-9]{{1,3}}(?:{sign}[0-9]{{3}})+|[0-9]+){fraction}")
    fitting = sum(bool(pattern.fullmatch(text)) for text in texts)
    return (decimal, thousands, told, None) if fitting >= ENOUGH * len(texts) else None
