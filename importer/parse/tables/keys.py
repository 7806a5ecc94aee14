"""Keys of tables, as they are kept in the ledger."""

from typing import Any

Key = tuple[Any, ...]


def is_usable(key: Key) -> bool:
    """Whether the key comes back as it was: bytes do not, nor does text with a NUL, which PostgreSQL does not keep."""
    return not any(
        isinstance(part, bytes | bytearray | memoryview) or (isinstance(part, str) and "\0" in part)
        for part in key
    )
