"""Tells which keys of tables the ledger can store."""

from typing import Any

Key = tuple[Any, ...]


def is_usable(key: Key) -> bool:
    """Tell whether JSON in PostgreSQL returns the key unchanged: not bytes, and not text with a NUL."""
    return not any(
        isinstance(part, bytes | bytearray | memoryview) or (isinstance(part, str) and "\0" in part)
        for part in key
    )
