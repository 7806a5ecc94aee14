"""Writes JSON values of any layout as JSON lines: one array, pretty-printed or concatenated objects.

The text is streamed through, however large a value is. What stands between two values is written as a line too, so that
the reader rejects it instead of losing it.
"""

import enum
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from importer.sources.names import compression_of

# Possessive quantifiers, because backtracking would cost memory for each of millions of escapes.
TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]|"', re.DOTALL)
END_OF_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+"', re.DOTALL)
NEWLINES_TO_BLANKS = bytes.maketrans(b"\r\n", b"  ")
# JSON has no newlines in strings. As a control character it stays invalid, and the line stays one.
NEWLINES_TO_CONTROLS = bytes.maketrans(b"\r\n", b"\x01\x01")
BOM = b"\xef\xbb\xbf"
GAP = re.compile(r"[ \t\r\n,]*")
OBJECTS_LOOKED_AT = 100
# Names that promise one object per line; other layouts are refused there.
LINES = (".jsonl", ".ndjson")


class Layout(enum.Enum):
    LINES = "one object per line"
    ARRAY = "one array"
    VALUES = "one object after the other"


def layout_of(block: bytes) -> Layout:
    """Return the layout of a JSON file by its first block. In doubt it has one object per line."""
    text = block.removeprefix(BOM).lstrip()
    if text.startswith(b"["):
        return Layout.ARRAY
    lines = [line.strip() for line in text.split(b"\n") if line.strip()]
    whole = [line for line in lines if line.startswith(b"{") and line.endswith(b"}")]
    if not text.startswith(b"{"):
        return Layout.LINES
    if _share_a_line_or_span_lines(text):
        return Layout.VALUES
    if len(whole) * 2 >= len(lines):
        return Layout.VALUES if _has_two_values(whole[0]) else Layout.LINES
    return Layout.VALUES if _begins_with_long_object(text) else Layout.LINES


def may_have_any_layout(source: str) -> bool:
    path = Path(source)
    return (path.with_suffix("") if compression_of(path) else path).suffix.lower() not in LINES


def _share_a_line_or_span_lines(text: bytes) -> bool:
    """Tell whether one of the first objects has several lines, or shares one with the next. Looks up to a fault."""
    decoder, position, decoded = json.JSONDecoder(), 0, text.decode(errors="replace")
    for _ in range(OBJECTS_LOOKED_AT):
        match = GAP.match(decoded, position)
        position = match.end() if match else position
        if not decoded.startswith("{", position):
            return False
        try:
            _, end = decoder.raw_decode(decoded, position)
        except (ValueError, RecursionError):
            return False
        rest = decoded[end : decoded.find("\n", end) + 1 or len(decoded)]
        if "\n" in decoded[position:end] or rest.lstrip(" \t,").startswith("{"):
            return True
        position = end
    return False


def _has_two_values(line: bytes) -> bool:
    text = line.decode(errors="replace")
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return text[end:].lstrip(" \t,").startswith("{")


def _begins_with_long_object(text: bytes) -> bool:
    """Tell whether the first object spans several lines, and is valid as far as it can be seen."""
    depth = 0
    for match in TOKEN.finditer(text):
        depth += (match[0] in b"{[") - (match[0] in b"}]")
        if depth == 0:
            try:
                json.loads(text[: match.end()])
            except (ValueError, RecursionError):
                return False
            return b"\n" in text[: match.end()]
    return b"\n" in text


class AsLines:
    """Writes values as lines, block by block.

    is_open  whether an array, or a value, has not ended yet
    """

    def __init__(self, layout: Layout) -> None:
        self.depth = 0
        self.inside_string = False
        self.waits_for_array = layout is Layout.ARRAY
        self.is_array = self.waits_for_array
        self.has_ended = False
        self._line_has_text = False

    @property
    def is_open(self) -> bool:
        return self.depth > 0 or (self.is_array and not self.has_ended)

    def lines(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the text of all values, each with a newline behind it."""
        held, is_first = b"", True
        for block in blocks:
            data = held + (block.removeprefix(BOM) if is_first else block)
            # The character behind a backslash may be in the next block.
            kept = len(data) - (1 if (len(data) - len(data.rstrip(b"\\"))) % 2 else 0)
            data, held, is_first = data[:kept], data[kept:], False
            yield b"".join(self._pieces(data))
        yield held + b"\n"

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        last = 0
        if self.inside_string:
            match = END_OF_STRING.match(data)
            last = match.end() if match else len(data)
            self.inside_string = match is None
            yield data[:last].translate(NEWLINES_TO_CONTROLS)
        for match in TOKEN.finditer(data, last):
            yield self._between(data[last : match.start()])
            token, last = match[0], match.end()
            if token == b'"':
                last, self.inside_string = len(data), True
                yield data[match.start() :].translate(NEWLINES_TO_CONTROLS)
                return
            yield from self._token(token)
        yield self._between(data[last:])

    def _between(self, text: bytes) -> bytes:
        text = text.translate(NEWLINES_TO_BLANKS)
        if self.depth:
            return text
        if not self.is_array or self.has_ended:
            text = text.strip(b", \t")
            self._line_has_text |= bool(text)
            return text
        lines = []
        for number, value in enumerate(text.split(b",")):
            if number and self._line_has_text:
                lines.append(b"\n")
                self._line_has_text = False
            lines.append(value.strip(b" \t"))
            self._line_has_text |= bool(lines[-1])
        return b"".join(lines)

    def _token(self, token: bytes) -> Iterator[bytes]:
        if token.startswith(b'"'):
            self._line_has_text = True
            yield token.translate(NEWLINES_TO_CONTROLS) if b"\n" in token or b"\r" in token else token
        elif token in b"[{":
            if self.waits_for_array:
                self.waits_for_array = False
                return
            if self.depth == 0 and self._line_has_text:
                yield b"\n"  # what stands between two values is a line of its own
            self.depth += 1
            yield token
        elif self.depth:
            self.depth -= 1
            yield token
            if self.depth == 0:
                self._line_has_text = False
                yield b"\n"
        elif self.is_array and not self.has_ended:
            self.has_ended = True
        else:
            self._line_has_text = True
            yield token
