"""Recognises what single texts are: numbers, dates, addresses."""

import re

INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,3}(?:[ '.,\u00a0\u202f\u2019][0-9]{3})+|[0-9]*)(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?"
)
DAY = re.compile(
    r"[0-9]{1,4}([./-])[0-9]{1,2}\1[0-9]{1,4}(?:[T ,]+[0-9]{1,2}:[0-9]{2}.*)?"
    r"|[0-9]{1,2}[ -][A-Za-z]{3,9}[ -][0-9]{2,4}|[A-Za-z]{3,9} [0-9]{1,2},? [0-9]{4}"
)
CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?")
EMAIL = re.compile(r"[^@\s,;<>()\"]+@[^@\s,;<>()\"]+\.[A-Za-z]{2,63}")
URL = re.compile(r"(?:https?|ftp)://\S+", re.IGNORECASE)
UUID = re.compile(r"\{?[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\}?|[0-9a-fA-F]{32}")
IP = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}")
JSON = re.compile(r"\s*(?:\{.*\}|\[.*\])\s*", re.DOTALL)


def is_typed(text: str) -> bool:
    """Tell whether a text is a value that no name of a column looks like."""
    text = text.strip()
    patterns = (NUMBER, DAY, CLOCK, EMAIL, URL, UUID)
    return bool(text) and any(pattern.fullmatch(text) for pattern in patterns)
