"""Packs a value with its expiry, its loading time and its groups' stamps into the bytes that Redis stores.

Layout: one byte of format; `<dfB` (expiry in seconds since the epoch, seconds the loader took, number of stamps); the
stamps, eight bytes each; the serialized value. Integers that were set are stored bare, so that `incr` works on them.
Integers that were loaded are not, so that they can be invalidated.
"""

import math
import random
import struct
import time
from dataclasses import dataclass
from typing import Any

from cortex.cache.serializer import NotReadable, dumps, loads

FORMAT = b"\x01"
HEADER = struct.Struct("<dfB")
STAMP_BYTES = 8
FOREVER = math.inf


@dataclass(frozen=True, slots=True)
class Envelope:
    value: Any
    fresh_until: float  # seconds since the epoch
    load_seconds: float
    stamps: tuple[bytes, ...]
    is_bare: bool = False

    def is_fresh(self) -> bool:
        return time.time() < self.fresh_until

    def is_due(self, beta: float = 1.0) -> bool:
        """Whether this reader loads a fresh value early. Likelier near the expiry, and for values that load slowly.

        XFetch: Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015.
        """
        early = self.load_seconds * beta * -math.log(1.0 - random.random())
        return time.time() + early >= self.fresh_until


def serialized(value: Any) -> bytes | int:
    """Serializes all values but plain integers. Raises what `pickle` raises for a value that cannot be pickled."""
    return value if type(value) is int else dumps(value)


def pack(
    payload: bytes | int, *, fresh_until: float, load_seconds: float, stamps: tuple[bytes, ...]
) -> bytes | int:
    if isinstance(payload, int):
        return payload
    return b"".join((FORMAT, HEADER.pack(fresh_until, load_seconds, len(stamps)), *stamps, payload))


def unpack(data: bytes) -> Envelope:
    """Raises NotReadable for bytes in another format."""
    if data[:1] != FORMAT:
        return Envelope(_integer(data), FOREVER, 0.0, (), is_bare=True)
    try:
        fresh_until, load_seconds, number = HEADER.unpack_from(data, 1)
    except struct.error as error:
        raise NotReadable(str(error)) from error
    start = 1 + HEADER.size
    end = start + number * STAMP_BYTES
    stamps = tuple(data[place : place + STAMP_BYTES] for place in range(start, end, STAMP_BYTES))
    return Envelope(loads(data[end:]), fresh_until, load_seconds, stamps)


def _integer(data: bytes) -> int:
    if len(data) > 20 or not data.lstrip(b"-").isdigit():
        raise NotReadable("unknown format")
    return int(data)
