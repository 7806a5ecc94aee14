"""Finds where records of delimited text end, for a whole block at once.

A block is *regular* if every quoted field begins right after a delimiter or a newline and ends right before one
(RFC 4180). Splitting the block at its quotes proves it: the pieces alternate between outside and inside, and each
outside piece is either empty (the middle of a doubled quote) or begins and ends at a field's border. A block that is
not proved regular is read record by record.
"""

from dataclasses import dataclass


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
    if not _borders_hold(outside, delimiter):
        return None
    # A letter replaces each quoted field, so that an empty one alone on a line is not a blank line.
    skeleton = b"q".join(outside)
    heights = [piece.count(b"\n") for piece in inside]
    tallest = _tallest(outside, heights)
    return RegularBlock(quote.join(pieces), skeleton, _records(skeleton), sum(heights), tallest)


def _tallest(outside: list[bytes], heights: list[int]) -> int:
    """Return the most newlines in one field. A field with doubled quotes consists of several pieces."""
    if not any(heights):
        return 0
    tallest = height = 0
    for newlines, next_outside in zip(heights, outside[1:], strict=True):
        height += newlines
        tallest = max(tallest, height)
        if next_outside:
            height = 0
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


def _borders_hold(outside: list[bytes], delimiter: bytes) -> bool:
    ends = (delimiter, b"\n")
    begins = (delimiter, b"\n", b"\r\n")
    if outside[0] and not outside[0].endswith(ends):
        return False
    if len(outside) > 1 and outside[-1] and not outside[-1].startswith(begins):
        return False
    between = set(outside[1:-1])  # few distinct ones, even in a long block
    between.discard(b"")
    return all(piece.startswith(begins) and piece.endswith(ends) for piece in between)


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
