"""Reads JSON lines: one object per line."""

import json
import re
import uuid
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from importer import budget
from importer.batches import Batch
from importer.conf import conf
from importer.exceptions import SourceRefused
from importer.parse.delimited.blocks import offset_after
from importer.parse.delimited.lines import pass_over
from importer.parse.json_columns import Collected, Record
from importer.parse.json_layouts import Layouts, Plain
from importer.parse.reader import ASSUMED_RECORD_BYTES, SAMPLE_BYTES, Range, bytes_of_range
from importer.parse.typed import NONE, as_json, as_text
from importer.records import LONE_SURROGATE, RAW, Position, RecordError, Rejection, escaped, shown
from importer.sources.local import open_file
from importer.sources.spool.json_text import Layout, layout_of, may_have_any_layout
from importer.specs.columns import absent

# The columns of a file are the keys of this many first records, in order of appearance.
RECORDS_THAT_NAME_COLUMNS = 1_000
SCAN_BYTES = 1 << 20
# Possessive quantifiers, because backtracking would cost memory for each of millions of escapes.
STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
# What Python strips from bytes.
BLANK = r"^[ \t\r\x0b\x0c]*$"
# Lines that are decoded at once; one that cannot be costs only these.
GROUP = 100
# A JSON string that no file has.
MARK = f'"{uuid.uuid4()}"'


class JsonLinesReader:
    """Reads a file of JSON lines.

    expected      columns that count as present even if the first records lack them
    possible      columns that count as present if any record has them
    json_columns  columns whose values become JSON, with their null values; all others become the text of a CSV file
    name          the file's name in messages (default: the path's)
    """

    def __init__(
        self,
        path: Path,
        *,
        encoding: str,
        columns: list[str] | None = None,
        expected: Iterable[str] = (),
        possible: Iterable[str] = (),
        json_columns: Mapping[str, frozenset[str]] = NONE,
        name: str = "",
    ) -> None:
        self.name = name or path.name
        self.expected = expected
        self.possible = possible
        self.json_columns = json_columns
        self.encoding = encoding or "utf-8"
        self.file = open_file(path)
        self.size = self.file.seek(0, 2)
        self.bytes_per_record = float(ASSUMED_RECORD_BYTES)
        self._columns = columns
        self.longest, self.most_values, self.most_keys = (
            conf.MAX_RECORD_BYTES,
            conf.MAX_RECORD_VALUES,
            conf.MAX_COLUMNS,
        )
        # Numbers stay text, so that 1.50 does not become 1.5.
        self._decode = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str).decode
        self.layouts = Layouts(self._keys_of_layout)

    def close(self) -> None:
        self.file.close()

    def columns(self) -> list[str]:
        if self._columns is None:
            self._columns = self._first_keys()
        return self._columns

    def ranges(self) -> Iterator[Range]:
        start = Position(self._beginning(), 1)
        while start.offset < self.size:
            data = self._bytes(start.offset, bytes_of_range(start.offset, self.size))
            size, lines = len(data), data.count(b"\n")
            if start.offset + size < self.size:
                size = data.rfind(b"\n") + 1
            if not size:  # one long line; its rest is skipped, not stored
                size, lines = len(data) + pass_over(self.file), 1
            end = Position(start.offset + size, start.line + lines)
            yield Range(start.offset, end.offset, start.line, end_line=end.line)
            start = end

    def read(self, start: Position, end: Range, *, limit: int) -> Batch:
        size = min(int(limit * self.bytes_per_record * 1.02) + 256, conf.BATCH_MAX_BYTES)
        data = self._bytes(start.offset, min(size, end.end_offset - start.offset))
        if start.offset + len(data) < end.end_offset:
            data = data[: data.rfind(b"\n") + 1] or self._long_line(start.offset)
            if len(data) > self.longest and b"\n" not in data[:-1]:
                return self._pass_over(start, data)
        batch = self._batch(data, start, budget.records_within(self.columns(), limit))
        if batch.size:
            self.bytes_per_record = (batch.end.offset - start.offset) / batch.size
        return batch

    def _batch(self, data: bytes, start: Position, limit: int) -> Batch:
        """Return at most `limit` records: by columns, and those without a layout as Python decodes them."""
        # A byte that is no text becomes a character that no layout takes.
        text = data.decode(self.encoding, "replace")
        lines = _first_records(_lines_of(text), limit)
        plain = self.layouts.read(self._short(lines, len(data)), text)
        numbers, end = plain.numbers, len(lines)
        collected = Collected(self.columns(), (numbers.sort() + start.line).to_list() if plain.others else [])
        for number, record in self._others(data, plain.others, start.line):
            if record is not None and not collected.add(record, start.line + number):
                end = number
                break
        offset = start.offset + (
            offset_after(data, newlines=end) if end < data.count(b"\n") + 1 else len(data)
        )
        batch = collected.batch(start, Position(offset, start.line + end))
        return _with_plain(batch, plain, start.line)

    def _short(self, lines: pl.Series, size: int) -> pl.Series:
        """Return null instead of lines that may be too long, or have too many values."""
        most = min(self.longest, self.most_values)
        return lines if size <= most else lines.set(lines.str.len_bytes() > most, None)

    def _keys_of_layout(self, line: str | None) -> Sequence[str] | None:
        record = None if line is None else self._record(line.encode(self.encoding, "replace"), 0)
        if not isinstance(record, dict) or record.keys() & self.json_columns.keys():
            return None
        return list(record) if record.keys() <= set(self.columns()) else None

    def _pass_over(self, start: Position, beginning: bytes) -> Batch:
        """Return a batch of one rejection, for a line that is too long; only its beginning is stored."""
        size = len(beginning) + (0 if beginning.endswith(b"\n") else pass_over(self.file))
        collected = Collected(self.columns())
        collected.add(_too_long(beginning, start.line, size), start.line)
        return collected.batch(start, Position(start.offset + size, start.line + 1))

    def _others(
        self, data: bytes, numbers: Sequence[int], first: int
    ) -> Iterator[tuple[int, Record | Rejection | None]]:
        """Yield these lines' numbers with their records, or None for blank lines. The line 0 has the number `first`."""
        lines = (data.splitlines(keepends=True) if b"\r" not in data else _split(data)) if numbers else []
        for start in range(0, len(numbers), GROUP):
            group = numbers[start : start + GROUP]
            if records := self._plain_records([lines[number] for number in group]):
                yield from zip(group, records, strict=True)
                continue
            for number in group:
                raw = lines[number]
                yield number, self._record(raw, first + number) if raw.strip() else None

    def _plain_records(self, lines: list[bytes]) -> list[Record] | None:
        """Decode lines at once, if each is a plain object: no line is blank, nested, or has an escaped letter."""
        data = b"".join(lines)
        if self.json_columns or b"\\u" in data or b"[" in data or data.count(b"{") != len(lines):
            return None
        if max(map(len, lines)) > min(self.longest, self.most_values):
            return None
        try:
            # Between two lines stands what no line can have: so each line is one value by itself.
            values = self._decode(f"[{f',{MARK},'.join(line.decode(self.encoding) for line in lines)}]")
        except (ValueError, RecursionError):
            return None
        records = values[::2]
        if len(records) != len(lines) or values[1::2] != [MARK[1:-1]] * (len(lines) - 1):
            return None
        if not all(isinstance(record, dict) for record in records):
            return None
        for keys in {tuple(record) for record in records}:
            if len(keys) > self.most_keys or sum(map(len, keys)) > budget.HEADER_CHARACTERS:
                return None
        return records

    def _record(self, raw: bytes, line: int) -> Record | Rejection:
        if len(raw) > self.longest:
            return _too_long(raw, line, len(raw))
        if len(raw) > self.most_values and (values := _values(raw)) > self.most_values:
            beginning = raw[:200].decode(errors="backslashreplace")
            return _rejection(line, beginning, "too_many_values", budget.too_many_values(values))
        try:
            text = raw.decode(self.encoding)
        except UnicodeDecodeError as error:
            message = f"Byte {error.start + 1} is not valid {self.encoding} (0x{raw[error.start]:02x})."
            return _rejection(line, raw.decode(self.encoding, "surrogateescape"), "undecodable", message)
        try:
            return self._parsed(text, line)
        except json.JSONDecodeError as error:
            advice = " Remove the comma at the end." if text.rstrip().endswith("},") else ""
            message = f"Invalid JSON: {error.msg} at character {error.pos + 1}.{advice}"
            return _rejection(line, text, "invalid_json", message)
        except RecursionError:
            return _rejection(line, text[:200], "invalid_json", "Invalid JSON: nested too deeply.")

    def _parsed(self, text: str, line: int) -> Record | Rejection:
        record = self._decode(text)
        if not isinstance(record, dict):
            return _rejection(line, text, "not_an_object", f"Not a JSON object but {text.strip()[:40]}.")
        if len(record) > self.most_keys:
            return _rejection(line, text, "too_many_keys", budget.too_many_keys(len(record)))
        if (characters := sum(map(len, record))) > budget.HEADER_CHARACTERS:
            return _rejection(line, text[:200], "too_many_keys", budget.keys_too_long(characters))
        if "\\u" in text:
            if LONE_SURROGATE.search(json.dumps(record, ensure_ascii=False)):
                return _rejection(line, text, "undecodable", "An escape encodes half a character.")
            if any("\0" in name for name in record):
                return _rejection(
                    line, text, "null_characters_not_allowed", "A key contains a null character."
                )
        if self.json_columns or text.count("{") > 1 or "[" in text:
            self._keep_numbers(record, json.loads(text, parse_int=_number))
        return record

    def _keep_numbers(self, record: Record, plain: Record) -> None:
        """Replace values that become JSON again (JSON columns, nested values) by ones in which numbers are numbers.

        Writes them as text at once, because text takes less memory than the values.
        """
        for name, value in plain.items():
            if name in self.json_columns:
                record[name] = as_json(value, self.json_columns[name])
            elif isinstance(value, dict | list):
                record[name] = as_text(value)

    def _first_keys(self) -> list[str]:
        if self.size == 0:
            raise SourceRefused(f'The source "{self.name}" is empty.')
        beginning = self._beginning()
        is_array = self._bytes(beginning, 64).lstrip().startswith(b"[")
        if is_array and not may_have_any_layout(self.name):
            raise SourceRefused(
                f'The source "{self.name}" is a JSON array; JSON lines have one object per line '
                f"(give it a name that ends in .json, or convert it with jq -c '.[]')."
            )
        self.file.seek(beginning)
        keys: dict[str, None] = {}
        reason = "its arrays hold other arrays." if is_array else ""
        first_fault = ""
        for raw in self._first_lines():
            record = self._record(raw, 0)
            if isinstance(record, dict):
                keys |= dict.fromkeys(record)
                budget.refuse_columns(self.name, len(keys))
                budget.refuse_header(self.name, list(keys))
            elif record.errors[0].code == "too_many_keys":
                reason = record.errors[0].message
            else:
                first_fault = first_fault or record.errors[0].message
        if not keys:
            if self.size <= SAMPLE_BYTES and not self._bytes(beginning, SAMPLE_BYTES).strip():
                raise SourceRefused(f'The source "{self.name}" has no objects.')
            if layout_of(self._bytes(0, SAMPLE_BYTES)) is Layout.VALUES:
                reason = "the objects have several lines; give it a name that ends in .json, or convert it with jq -c."
            reason = reason or first_fault or "none has a key."
            raise SourceRefused(f'The source "{self.name}" does not begin with valid JSON objects: {reason}')
        keys |= dict.fromkeys(absent(self.expected, keys))
        return [*keys, *self._late_keys(absent(self.possible, keys))]

    def _late_keys(self, wanted: list[str]) -> list[str]:
        """Return those keys that any record has.

        Looks for their bytes, which is fast, and reads only the lines that have them.
        """
        marks = {
            name: json.dumps(name, ensure_ascii=False).encode(self.encoding, "replace") for name in wanted
        }
        found: dict[str, None] = {}
        self.file.seek(self._beginning())
        while marks and (block := self.file.read(SCAN_BYTES)):
            block += self.file.readline(self.longest)
            present = {name: mark for name, mark in marks.items() if mark in block}
            for raw in block.split(b"\n") if present else ():
                if any(mark in raw for mark in present.values()):
                    keys = self._keys(raw)
                    found |= dict.fromkeys(name for name in present if name in keys)
                    present = {name: mark for name, mark in present.items() if name not in found}
            marks = {name: mark for name, mark in marks.items() if name not in found}
        return list(found)

    def _keys(self, raw: bytes) -> list[str]:
        record = self._record(raw, 0)
        return [] if isinstance(record, Rejection) else list(record)

    def _first_lines(self) -> Iterator[bytes]:
        """Yield the first lines that are not too long, up to a number of lines and bytes."""
        left = self.longest + conf.BATCH_MAX_BYTES
        for _ in range(RECORDS_THAT_NAME_COLUMNS):
            raw = self.file.readline(self.longest + 1)
            left -= len(raw)
            if not raw or left < 0:
                return
            if len(raw) > self.longest:
                pass_over(self.file)
            else:
                yield raw

    def _beginning(self) -> int:
        return len(BOM_UTF8) if self._bytes(0, len(BOM_UTF8)) == BOM_UTF8 else 0

    def _bytes(self, offset: int, size: int) -> bytes:
        self.file.seek(offset)
        return self.file.read(size)

    def _long_line(self, offset: int) -> bytes:
        """Return the rest of the line, or enough of it to show that it is too long."""
        self.file.seek(offset)
        return self.file.readline(self.longest + 1)


def _lines_of(text: str) -> pl.Series:
    lines = pl.Series([text]).str.split("\n").explode()
    return lines.head(-1) if text.endswith("\n") or not text else lines


def _first_records(lines: pl.Series, limit: int) -> pl.Series:
    """Return the lines up to the one with the last of `limit` records. Blank lines are no records."""
    if len(lines) <= limit:
        return lines
    records = (~lines.str.contains(BLANK)).cum_sum()
    return lines.head(int(records.search_sorted(limit)) + 1)


def _with_plain(batch: Batch, plain: Plain, first: int) -> Batch:
    """Add the records that were read by columns, up to the batch's end, in the order of their lines."""
    texts = pl.concat([batch.texts, *plain.frames], how="diagonal")
    lines = pl.concat([batch.lines, plain.numbers + first])
    if not lines.is_sorted():
        order = lines.arg_sort()
        texts, lines = texts[order], lines.gather(order)
    fitting = int(lines.search_sorted(batch.end.line))
    return replace(batch, texts=texts.head(fitting), lines=lines.head(fitting))


def _values(raw: bytes) -> int:
    """Return an upper bound of a line's values: each but the first follows a comma, or begins a list or an object."""
    bare = STRING.sub(b"", raw)
    return 1 + bare.count(b",") + bare.count(b"[") + bare.count(b"{")


def _too_long(raw: bytes, line: int, size: int) -> Rejection:
    beginning = raw[:200].decode(errors="backslashreplace")
    return _rejection(line, beginning, "record_too_long", budget.too_long(size))


def _number(text: str) -> int | str:
    """Read an integer; Python reads at most 4,300 digits, so longer ones stay text."""
    return int(text) if len(text) < 4_000 else text


def _split(data: bytes) -> list[bytes]:
    """Split at newlines only: to JSON a carriage return is white space, not a line end."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _rejection(line: int, text: str, code: str, message: str) -> Rejection:
    return Rejection(line, {RAW: escaped(text)}, (RecordError("", code, message, shown(text)),))
