"""Finds where records of delimited text end, for a whole block at once.

A block is *regular* if every quoted field begins right after a delimiter or a newline and ends right before one
(RFC 4180). Splitting the block at its quotes proves it: the pieces alternate between outside and inside, and each
outside piece is either empty (the middle of a doubled quote) or begins and ends at a field's border. A block that is
not proved regular is read record by record.
"""

from dataclasses import dataclass
from itertools import repeat


@dataclass(frozen=True, slots=True)
class RegularBlock:
    """Whole records.

    data                 their bytes
    skeleton             the bytes without the content of quoted fields: each newline ends a record, and each delimiter
                         separates two fields
    embedded_newlines    newlines in quoted fields
    newlines_in_a_field  the most newlines in one field
    """

    data: bytes
    skeleton: bytes
    records: int
    embedded_newlines: int = 0
    newlines_in_a_field: int = 0


def regular_block(data: bytes, *, delimiter: bytes, final: bool, quote: bytes = b'"') -> RegularBlock | None:
    """Return the longest run of whole records at the beginning of `data`; None if it is not regular.

    final  nothing follows, so the last record needs no newline
    quote  one byte, or empty: nothing is quoted
    """
    if not quote or quote not in data:
        whole = data if final else data[: data.rfind(b"\n") + 1]
        return RegularBlock(whole, whole, _records(whole)) if whole else None
    pieces = data.split(quote)
    if not final:
        pieces = _whole_records(pieces)
    if not pieces or len(pieces) % 2 == 0:
        return None
    outside, inside = pieces[::2], pieces[1::2]
    if not _borders_hold(outside, delimiter, quote):
        return None
    # A letter replaces each quoted field, so that an empty one alone on a line is not a blank line.
    skeleton = b"q".join(outside)
    heights = list(map(bytes.count, inside, repeat(b"\n")))
    embedded = sum(heights)
    tallest = _tallest(outside, heights) if embedded else 0
    return RegularBlock(quote.join(pieces), skeleton, _records(skeleton), embedded, tallest)


def _tallest(outside: list[bytes], heights: list[int]) -> int:
    """Return the most newlines in one field. A field with doubled quotes consists of several pieces."""
    tallest = behind = 0
    for first in [number for number, height in enumerate(heights) if height]:
        if first < behind:
            continue  # of the field before
        behind = first + 1
        while behind < len(heights) and not outside[behind]:
            behind += 1
        tallest = max(tallest, sum(heights[first:behind]))
    return tallest


def _records(skeleton: bytes) -> int:
    return skeleton.count(b"\n") + (not skeleton.endswith(b"\n"))


def _whole_records(pieces: list[bytes]) -> list[bytes]:
    """Drop what follows the last newline outside quotes."""
    last = len(pieces) - 1
    for index in range(last - last % 2, -1, -2):
        newline = pieces[index].rfind(b"\n")
        if newline >= 0:
            return [*pieces[:index], pieces[index][: newline + 1]]
    return []


def _borders_hold(outside: list[bytes], delimiter: bytes, quote: bytes) -> bool:
    """Tell whether each piece begins and ends at a border, by counting the quotes that stand beside one."""
    if outside[0] and not outside[0].endswith((delimiter, b"\n")):
        return False
    if len(outside) > 1 and outside[-1] and not outside[-1].startswith((delimiter, b"\n", b"\r\n")):
        return False
    between = list(filter(None, outside[1:-1]))
    if not between:
        return True
    text = b"".join((quote, quote.join(between), quote))
    begun = sum(text.count(quote + border) for border in (delimiter, b"\n", b"\r\n"))
    ended = sum(text.count(border + quote) for border in (delimiter, b"\n"))
    return begun == ended == len(between)


def offset_after(data: bytes, *, newlines: int) -> int:
    """Return the offset after the n-th newline, searched from the nearer end."""
    total = data.count(b"\n")
    if newlines > total:
        return len(data)
    if newlines > total // 2:
        offset = len(data)
        for _ in range(total - newlines + 1):
            offset = data.rfind(b"\n", 0, offset)
        return offset + 1
    offset = 0
    for _ in range(newlines):
        offset = data.index(b"\n", offset) + 1
    return offset
