"""JSON lines: one object per line."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from importer.conf import conf
from importer.exceptions import SourceRefused
from importer.parse import Range
from importer.parse.delimited import ASSUMED_RECORD_BYTES, BOM
from importer.parse.typed import NONE, as_json, as_text
from importer.records import LONE_SURROGATE, RAW, Batch, Position, RecordError, Rejection, escaped, shown
from importer.source import open_file

# The columns of a file are the keys of its first records, in the order in which they come up.
RECORDS_THAT_NAME_COLUMNS = 1_000

Record = dict[str, Any]


class JsonLinesReader:
    """`expected` are columns that count as present whether or not the first records have them.

    The values of `json_columns` are handed over as JSON, all others as the text that a CSV file would hold.
    `name` is what messages call the file, where it is not the path's own.
    """

    def __init__(
        self,
        path: Path,
        *,
        encoding: str,
        columns: list[str] | None = None,
        expected: Iterable[str] = (),
        json_columns: Mapping[str, frozenset[str]] = NONE,
        name: str = "",
    ) -> None:
        self.name = name or path.name
        self.expected = expected
        self.json_columns = json_columns
        self.encoding = encoding or "utf-8"
        self.file = open_file(path)
        self.size = self.file.seek(0, 2)
        self.bytes_per_record = float(ASSUMED_RECORD_BYTES)
        self._columns = columns
        # Numbers stay the text they are written in, so that 1.50 is not made 1.5 on the way.
        self._decode = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str).decode

    def close(self) -> None:
        self.file.close()

    def columns(self) -> list[str]:
        if self._columns is None:
            self._columns = self._first_keys()
        return self._columns

    def ranges(self) -> Iterator[Range]:
        start = Position(self._beginning(), 1)
        while start.offset < self.size:
            data = self._bytes(start.offset, conf.CHUNK_BYTES)
            if start.offset + len(data) < self.size:
                data = data[: data.rfind(b"\n") + 1] or self._long_line(start.offset)
            end = Position(start.offset + len(data), start.line + data.count(b"\n"))
            yield Range(start.offset, end.offset, start.line)
            start = end

    def read(self, start: Position, end: Range, *, limit: int) -> Batch:
        wanted = min(int(limit * self.bytes_per_record * 1.02) + 256, conf.BATCH_MAX_BYTES)
        data = self._bytes(start.offset, min(wanted, end.end_offset - start.offset))
        if start.offset + len(data) < end.end_offset:
            data = data[: data.rfind(b"\n") + 1] or self._long_line(start.offset)
        records: list[Record] = []
        numbers: list[int] = []
        rejections: list[Rejection] = []
        offset, line = start.offset, start.line
        for raw in data.splitlines(keepends=True) if b"\r" not in data else _split(data):
            if len(records) + len(rejections) == limit:
                break
            if raw.strip():
                record = self._record(raw, line)
                if isinstance(record, Rejection):
                    rejections.append(record)
                else:
                    records.append(record)
                    numbers.append(line)
            offset, line = offset + len(raw), line + 1
        batch = Batch(
            self._as_frame(records),
            pl.Series(numbers, dtype=pl.Int64),
            start,
            Position(offset, line),
            rejections,
        )
        if batch.size:
            self.bytes_per_record = (offset - start.offset) / batch.size
        return batch

    def _record(self, raw: bytes, line: int) -> Record | Rejection:
        if len(raw) > conf.MAX_RECORD_BYTES:
            message = f"The record is longer than {conf.MAX_RECORD_BYTES:,} bytes (it has {len(raw):,})."
            return _rejection(line, raw[:200].decode(errors="backslashreplace"), "record_too_long", message)
        try:
            text = raw.decode(self.encoding)
        except UnicodeDecodeError as error:
            message = f"Byte {error.start + 1} is not valid {self.encoding} (0x{raw[error.start]:02x})."
            return _rejection(line, raw.decode(self.encoding, "surrogateescape"), "undecodable", message)
        try:
            record = self._decode(text)
        except json.JSONDecodeError as error:
            return _rejection(
                line, text, "invalid_json", f"Not JSON: {error.msg} at character {error.pos + 1}."
            )
        except RecursionError:
            return _rejection(line, text[:200], "invalid_json", "Not usable JSON: nested too deeply.")
        if not isinstance(record, dict):
            return _rejection(line, text, "not_an_object", f"Not a JSON object but {text.strip()[:40]}.")
        if b"\\u" in raw:
            if LONE_SURROGATE.search(json.dumps(record, ensure_ascii=False)):
                return _rejection(line, text, "undecodable", "An escape stands for half a character.")
            if any("\0" in name for name in record):
                return _rejection(
                    line, text, "null_characters_not_allowed", "A key has a null character in it."
                )
        if self.json_columns or raw.count(b"{") > 1 or b"[" in raw:
            self._keep_numbers(record, json.loads(text, parse_int=_number))
        return record

    def _keep_numbers(self, record: Record, plain: Record) -> None:
        """Numbers must stay numbers where they are written as JSON again: in a JSON column, and in nested values."""
        for name, value in plain.items():
            if name in self.json_columns:
                record[name] = as_json(value, self.json_columns[name])
            elif isinstance(value, dict | list):
                record[name] = value

    def _as_frame(self, records: list[Record]) -> pl.DataFrame:
        columns = dict.fromkeys(self.columns())
        for record in records:
            if not columns.keys() >= record.keys():
                columns |= dict.fromkeys(record)
        return pl.DataFrame(
            {name: _texts([record.get(name) for record in records]) for name in columns},
            schema=dict.fromkeys(columns, pl.String()),
        )

    def _first_keys(self) -> list[str]:
        if self.size == 0:
            raise SourceRefused(f'The source "{self.name}" is empty.')
        beginning = self._beginning()
        if self._bytes(beginning, 64).lstrip().startswith(b"["):
            raise SourceRefused(
                f'The source "{self.name}" is one JSON array; JSON lines has one object per line '
                f"(jq -c '.[]' makes them)."
            )
        self.file.seek(beginning)
        keys: dict[str, None] = {}
        for _, raw in zip(range(RECORDS_THAT_NAME_COLUMNS), iter(self._readline, b""), strict=False):
            record = self._record(raw, 0)
            if isinstance(record, dict):
                keys |= dict.fromkeys(record)
        if not keys:
            raise SourceRefused(f'The source "{self.name}" begins with no JSON object that has a key.')
        return list(keys | dict.fromkeys(self.expected))

    def _readline(self) -> bytes:
        return self.file.readline(conf.MAX_RECORD_BYTES)

    def _beginning(self) -> int:
        return len(BOM) if self._bytes(0, len(BOM)) == BOM else 0

    def _bytes(self, offset: int, size: int) -> bytes:
        self.file.seek(offset)
        return self.file.read(size)

    def _long_line(self, offset: int) -> bytes:
        self.file.seek(offset)
        return self.file.readline()


def _number(text: str) -> int | str:
    """Python reads no integers of more than 4,300 digits; nor does anybody need them as numbers."""
    return int(text) if len(text) < 4_000 else text


def _texts(values: list[Any]) -> list[str | None]:
    return [value if value is None or type(value) is str else as_text(value) for value in values]


def _split(data: bytes) -> list[bytes]:
    """Lines by newline alone: a carriage return is white space to JSON, and ends nothing."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _rejection(line: int, text: str, code: str, message: str) -> Rejection:
    return Rejection(line, {RAW: escaped(text)}, (RecordError("", code, message, shown(text)),))
