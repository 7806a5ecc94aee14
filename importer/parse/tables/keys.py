"""Tells which keys of tables the ledger can store."""

import math
from typing import Any

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
