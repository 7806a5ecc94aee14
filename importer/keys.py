"""Keys of tables, kept as JSON: a range is read again from what is kept, so not a microsecond of a key may go."""

import datetime as dt
import json
from typing import Any

from django.utils.duration import duration_iso_string

Key = tuple[Any, ...]


class KeyEncoder(json.JSONEncoder):
    """Times in full, where Django's encoder cuts them to milliseconds; all else as the text that a database reads."""

    def default(self, o: Any) -> str:
        if isinstance(o, dt.date | dt.time):
            return o.isoformat()
        if isinstance(o, dt.timedelta):
            return duration_iso_string(o)
        if isinstance(o, bytes | bytearray | memoryview):
            raise TypeError("bytes have no text that a database would read back as the same bytes")
        return str(o)


def is_usable(key: Key) -> bool:
    """Whether the key comes back as it was: bytes do not, nor does text with a NUL, which PostgreSQL does not keep."""
    return not any(
        isinstance(part, bytes | bytearray | memoryview) or (isinstance(part, str) and "\0" in part)
        for part in key
    )
