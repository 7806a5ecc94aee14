"""Where the records of delimited text end, decided for a whole block at once.

A block is *regular* when every quoted field begins right after a delimiter or a newline and ends right before one
(RFC 4180). Splitting the block at its quotes proves it: the pieces alternate between outside and inside, and each
outside piece is either empty (the middle of a doubled quote) or begins and ends at a field's border. What cannot be
proved regular goes to the reader that looks at one record at a time.
"""

from dataclasses import dataclass

QUOTE = b'"'


@dataclass(frozen=True, slots=True)
class RegularBlock:
    """Whole records: their bytes, and the same with the inside of each quoted field taken out.

    In `skeleton` each newline ends a record and each delimiter parts two fields. `newlines_in_a_field`: the most that
    stand in one.
    """

    data: bytes
    skeleton: bytes
    records: int
    embedded_newlines: int = 0
    newlines_in_a_field: int = 0


def regular_block(data: bytes, *, delimiter: bytes, final: bool) -> RegularBlock | None:
    """The longest run of whole records at the beginning of `data`; None where that cannot be told.

    `final`: nothing follows, so the last record needs no newline.
    """
    if QUOTE not in data:
        whole = data if final else data[: data.rfind(b"\n") + 1]
        return RegularBlock(whole, whole, _records(whole)) if whole else None
    pieces = data.split(QUOTE)
    if not final:
        pieces = _whole_records(pieces)
    if not pieces or len(pieces) % 2 == 0:
        return None
    outside, inside = pieces[::2], pieces[1::2]
    if not _borders_hold(outside, delimiter):
        return None
    # One letter stands for a quoted field, so that an empty one on a line of its own is not a blank line.
    skeleton = b"q".join(outside)
    heights = [piece.count(b"\n") for piece in inside]
    tallest = _tallest(outside, heights)
    return RegularBlock(QUOTE.join(pieces), skeleton, _records(skeleton), sum(heights), tallest)


def _tallest(outside: list[bytes], heights: list[int]) -> int:
    """The most newlines in one field; a field with doubled quotes is in several pieces."""
    if not any(heights):
        return 0
    tallest = height = 0
    for newlines, behind in zip(heights, outside[1:], strict=True):
        height += newlines
        tallest = max(tallest, height)
        if behind:
            height = 0
    return tallest


def _records(skeleton: bytes) -> int:
    return skeleton.count(b"\n") + (not skeleton.endswith(b"\n"))


def _whole_records(pieces: list[bytes]) -> list[bytes]:
    """Drop what follows the last newline that stands outside of quotes."""
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
    between = set(outside[1:-1])  # a few distinct ones, however long the block is
    between.discard(b"")
    return all(piece.startswith(begins) and piece.endswith(ends) for piece in between)
