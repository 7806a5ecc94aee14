"""Tells which keys of tables the ledger can store."""

import math
from typing import Any

Key = tuple[Any, ...]


def is_usable(key: Key) -> bool:
    """Tell whether JSON in PostgreSQL returns the key unchanged: not bytes, infinity, or text with a NUL."""
    return not any(
        isinstance(part, bytes | bytearray | memoryview)
        or (isinstance(part, str) and "\0" in part)
        or (isinstance(part, float) and not math.isfinite(part))
        for part in key
    )
