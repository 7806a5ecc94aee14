"""Tells how a text file is encoded and how its lines end, by its first block."""

import codecs
import contextlib
from collections.abc import Iterable, Iterator

# UTF-32's mark begins with UTF-16's. UTF-8's is skipped by the readers.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Line ends that are neither LF nor CR: NEL (EBCDIC), Unicode's line and paragraph separators, and ASCII's record
# separator.
OTHER_LINE_ENDS = ("\x85", "\u2028", "\u2029", "\x1e")


def encoding_by_mark(block: bytes) -> str:
    """Return the encoding that a byte order mark tells, or an empty text."""
    return next((encoding for mark, encoding in MARKS if block.startswith(mark)), "")


def line_end_of(block: bytes, encoding: str, *, is_json: bool = False) -> bytes:
    """Return what ends the lines of a text, encoded; a newline if it has no other line end.

    Another character must come before the first newline, and at least as often as newlines. In JSON it must stand
    between objects, because strings may contain it.
    """
    if b"\r" in block and b"\n" not in block:
        return b"\r"  # Macs before 2001
    newline = block.find(b"\n")
    beginning = block if newline < 0 else block[:newline]
    for letter in OTHER_LINE_ENDS:
        with contextlib.suppress(UnicodeEncodeError):
            mark = letter.encode(encoding)
            if mark in beginning and block.count(mark) >= block.count(b"\n"):
                pieces = [piece.lstrip()[:1] for piece in block.split(mark)]
                if not is_json or all(piece in (b"", b"{") for piece in pieces):
                    return mark
    return b"\n"


def with_newlines(blocks: Iterable[bytes], line_end: bytes) -> Iterator[bytes]:
    """Replace another line end by newlines, also where two blocks share it."""
    if line_end == b"\n":
        yield from blocks
        return
    held, kept = b"", len(line_end) - 1
    for block in blocks:
        data = (held + block).replace(line_end, b"\n")
        yield data[: len(data) - kept]
        held = data[len(data) - kept :] if kept else b""
    yield held
