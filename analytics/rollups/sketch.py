"""Estimates how many different users there were, from two kilobytes per day.

HyperLogLog: Flajolet, Fusy, Gandouet, Meunier (2007), with linear counting for small numbers. With 2,048 registers the
standard error is 1.04 / √2048 = 2.3 %; a few hundred users are counted nearly exactly. Sketches of several days are
joined by the maximum of each register. Numbers of users could not be joined, because the same people come every day.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

REGISTERS = 2_048
_INDEX_BITS = 11
_HASH_BITS = 64
EMPTY = bytes(REGISTERS)
_ALPHA = 0.7213 / (1 + 1.079 / REGISTERS)


def sketch_of(user_ids: Iterable[Any]) -> bytes:
    registers = bytearray(REGISTERS)
    rest_bits = _HASH_BITS - _INDEX_BITS
    for user_id in user_ids:
        digest = hashlib.blake2b(str(user_id).encode(), digest_size=_HASH_BITS // 8).digest()
        number = int.from_bytes(digest, "big")
        register = number >> rest_bits
        rank = rest_bits - (number & ((1 << rest_bits) - 1)).bit_length() + 1
        registers[register] = max(registers[register], rank)
    return bytes(registers)


def joined(sketches: Iterable[bytes]) -> bytes:
    """Return the sketch of the users of all sketches together."""
    return bytes(map(max, zip(EMPTY, *sketches, strict=True)))


def estimate(registers: bytes) -> int:
    counts = Counter(registers)
    raw = _ALPHA * REGISTERS**2 / sum(number * 2.0**-rank for rank, number in counts.items())
    if raw <= 2.5 * REGISTERS and counts[0]:
        return round(REGISTERS * math.log(REGISTERS / counts[0]))
    return round(raw)
