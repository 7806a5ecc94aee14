"""Reads XML as a stream of elements, with a bound on everything that the parser keeps.

A parser keeps the open elements, all names that it has met, and the tag that has not ended yet. Entities need a DTD,
which no workbook has; so one is refused.
"""

from collections.abc import Callable
from typing import Protocol
from xml.parsers import expat  # DTDs are refused

from importer.exceptions import SourceRefused

PIECE = 1 << 16
# Open elements, and distinct names of elements and attributes. The widest workbooks have a dozen, and a few hundred.
DEEPEST = 100
MOST_NAMES = 10_000
# Characters of a tag, or of a cell's text. Excel allows 32,767 in a cell.
LONGEST = 1 << 20
PIECE_CHARACTERS = 64  # what a piece of text takes, however short it is


class Watched(Protocol):
    """Counts what is read from a source called `name`."""

    name: str

    def read(self, size: int) -> None: ...


class Stream(Protocol):
    """What is read of a file."""

    def read(self, size: int, /) -> bytes: ...


class _Elements:
    def __init__(
        self,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None] | None,
    ) -> None:
        self._start, self._end, self._depth = start, end, 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _Fault(f"more than {DEEPEST} elements within one another")
        self._start(name, attributes)

    def end(self, name: str) -> None:
        self._depth -= 1
        if self._end:
            self._end(name)


class _Fault(Exception):
    """The XML is not that of a workbook."""


class Text:
    """Collects a text from its pieces, and bounds it."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def add(self, pieces: list[str]) -> None:
        self._pieces += pieces
        self._size += sum(map(len, pieces)) + PIECE_CHARACTERS * len(pieces)
        if self._size > LONGEST:
            raise _Fault(f"a text of more than {LONGEST:,} characters")

    def take(self) -> str:
        """Return the text, and begin another one."""
        text = "".join(self._pieces)
        self._pieces, self._size = [], 0
        return text


def read_elements(
    stream: Stream,
    cost: Watched,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    texts: list[str] | None = None,
) -> None:
    """Call `start` with each element's name and attributes, and `end` with its name.

    texts  gets the pieces of text; whoever takes them empties it

    Raises SourceRefused for XML that is damaged or beyond the bounds.
    """
    elements, names = _Elements(start, end), dict[str, str]()
    parser = expat.ParserCreate(intern=names)
    parser.buffer_text, parser.buffer_size = True, PIECE
    parser.StartElementHandler, parser.EndElementHandler = elements.start, elements.end
    if texts is not None:
        parser.CharacterDataHandler = texts.append
    parser.StartDoctypeDeclHandler = _refuse_dtd
    fed = 0
    try:
        while piece := stream.read(PIECE):
            cost.read(len(piece))
            fed += len(piece)
            parser.Parse(piece, False)
            if fed - parser.CurrentByteIndex > LONGEST or sum(map(len, texts or ())) > LONGEST:
                raise _Fault(f"a tag or a text of more than {LONGEST:,} characters")
            if len(names) > MOST_NAMES:
                raise _Fault(f"more than {MOST_NAMES:,} names of elements")
        parser.Parse(b"", True)
    except (_Fault, expat.ExpatError) as error:
        raise SourceRefused(
            f'The workbook "{cost.name}" is damaged: its XML has {_described(error)}; '
            f"open it in a spreadsheet program and save it again."
        ) from None


def _refuse_dtd(*_: object) -> None:
    raise _Fault("a DTD")


def _described(error: Exception) -> str:
    return f"a fault ({error})" if isinstance(error, expat.ExpatError) else str(error)
