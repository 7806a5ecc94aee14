"""Takes the regular rows out of a sheet's XML before the parser sees it, because a pattern reads them faster.

Regular is a row as all programs write most of them: cells of numbers, shared strings, booleans and results, without
entities. The parser gets everything else, in order, and what it gets is well-formed if the whole is.
"""

import re
from collections.abc import Callable, Iterator
from typing import IO

from importer.parse.sheets.elements import LONGEST, Watched

END = b"</row>"
VALUE = rb"<v>[^<&\x00-\x1f]*+</v>"
CELL = rb'<c r="[A-Z]{1,3}[0-9]{1,7}"(?: s="[0-9]{1,5}")?(?: t="(?:s|n|b|str)")?(?:/>|>' + VALUE + rb"</c>)"
ROW = re.compile(
    rb'\s*<row r="([0-9]{1,7})"(?: (?!hidden)[A-Za-z0-9:]+="[^"<>]*")*+>((?:' + CELL + rb")*+)</row>"
)
CELLS = re.compile(r'<c r="([A-Z]+)[0-9]+"(?: s="([0-9]+)")?(?: t="([a-z]+)")?(?:/>|><v>([^<]*)</v></c>)')
OTHER_ENCODING = re.compile(rb"""^<\?xml [^>]*encoding=["'](?!utf-8["'])""", re.IGNORECASE)

# What a row is given to: its number, and of each cell the letters, the style, the type and the value.
TakeRow = Callable[[int, list[tuple[str, str, str, str]]], None]


class RegularRows:
    """A stream without the regular rows; they are taken while it is read."""

    def __init__(self, stream: IO[bytes], cost: Watched, take: TakeRow) -> None:
        self._stream, self._cost, self._take = stream, cost, take
        self._pieces: Iterator[bytes] | None = None

    def read(self, size: int) -> bytes:
        if self._pieces is None:
            self._pieces = self._rest(size)
        return next(self._pieces, b"")

    def _rest(self, size: int) -> Iterator[bytes]:
        held, is_regular = b"", True
        while piece := self._stream.read(size):
            is_regular = is_regular and not OTHER_ENCODING.search(piece[:200])
            if not is_regular:
                yield held + piece
                held = b""
                continue
            *rows, held = (held + piece).split(END)
            yield from self._others(rows)
            # The parser may keep a part of a tag for later, and rows must stay in order.
            is_regular = len(held) < LONGEST
        if held:
            yield held

    def _others(self, rows: list[bytes]) -> Iterator[bytes]:
        """Take the regular rows, and yield all others: those before a regular one together, before it is taken."""
        others: list[bytes] = []
        for row in rows:
            data = row + END
            cells = self._cells_of(data)
            if cells is None:
                others.append(data)
                continue
            if others:
                yield b"".join(others)
                others = []
            self._cost.read(len(data))
            self._take(*cells)
        if others:
            yield b"".join(others)

    def _cells_of(self, data: bytes) -> tuple[int, list[tuple[str, str, str, str]]] | None:
        match = ROW.fullmatch(data)
        try:
            return (int(match[1]), CELLS.findall(match[2].decode())) if match else None
        except UnicodeDecodeError:
            return None  # the parser says what is wrong
