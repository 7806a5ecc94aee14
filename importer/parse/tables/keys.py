"""Tells which keys of tables the ledger can store."""

import math
from collections.abc import Sequence
from typing import Any

from importer.budget import KEY_BYTES

Key = tuple[Any, ...]
# Beyond it no database compares integers with floats.
LARGEST_FLOAT = 2.0**63


def is_usable(key: Key) -> bool:
    """Tell whether JSON in PostgreSQL returns the key unchanged: not bytes, infinity, or text with a NUL.

    Large floats come back as integers of many digits, which MySQL cuts off and SQLite does not take.
    """
    return not any(
        isinstance(part, bytes | bytearray | memoryview)
        or (isinstance(part, str) and "\0" in part)
        or (isinstance(part, float) and not (math.isfinite(part) and abs(part) < LARGEST_FLOAT))
        for part in key
    )


def are_plain(keys: Sequence[Key]) -> bool:
    """Tell by columns whether all keys are usable and short. False: each must be looked at by itself."""
    return all(_is_plain([key[number] for key in keys]) for number in range(len(keys[0])))


def _is_plain(parts: Sequence[Any]) -> bool:
    kinds = set(map(type, parts))
    if kinds == {str}:
        return max(map(len, parts)) <= KEY_BYTES and "\0" not in "".join(parts)
    return kinds == {int}
