"""Reads CSV and similar formats.

There are two ways with the same result. A regular block is parsed by Polars as columns. A block with anything irregular
(a stray quote, a short record, an undecodable byte) is read record by record with the standard library's strict parser.
A dialect that neither of them knows is translated first (`importer.parse.translate`).
"""

import codecs
import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import polars as pl

from importer.budget import Deadline, records_within, refuse_columns
from importer.conf import MEGABYTE, conf
from importer.exceptions import SourceRefused
from importer.parse.blocks import RegularBlock, regular_block
from importer.parse.fixed_width import FixedWidth, misfit
from importer.parse.lines import Lines, TooLong, TooWide, offset_of_footer, pass_over
from importer.parse.reader import Range
from importer.parse.stray import Shape
from importer.parse.translate import Translation
from importer.records import LONE_SURROGATE, RAW, Batch, Position, RecordError, Rejection, escaped, shown
from importer.sources.local import open_file
from importer.specs.dialect import Dialect

BOM = b"\xef\xbb\xbf"
# Used before the first batch is measured. A low guess costs a second read, a high one only memory.
ASSUMED_RECORD_BYTES = 150
# One odd line in so many makes it worthwhile to read the others by columns.
FEW_ODD_LINES = 4
BLANK = (b"", b"\r")
# Bytes that are looked at for quotes that quote nothing.
SAMPLE_BYTES = MEGABYTE


class DelimitedReader:
    """Reads a delimited file.

    delimiter  of plain CSV; a dialect has its own
    name       the file's name in messages (default: the path's)
    deadline   the plan's
    notes      gets what a person should know about the file
    """

    def __init__(
        self,
        path: Path,
        *,
        encoding: str,
        delimiter: str = ",",
        dialect: Dialect | None = None,
        columns: list[str] | None = None,
        name: str = "",
        deadline: Deadline | None = None,
        notes: list[str] | None = None,
    ) -> None:
        self.name = name or path.name
        self.notes = [] if notes is None else notes
        self.deadline = deadline
        # "utf-8-sig" would strip a byte order mark from every line; `_header` skips the file's own.
        self.encoding = codecs.lookup(encoding or "utf-8").name.replace("utf-8-sig", "utf-8")
        self.dialect = dialect = dialect or Dialect(delimiter=delimiter)
        self.translation = _translation_of(dialect, self.encoding)
        self.delimiter = self.translation.delimiter if self.translation else dialect.delimiter
        self.quote = self.translation.quote if self.translation else dialect.quote or ""
        self.file = open_file(path)
        self.size = self.file.seek(0, 2)
        if dialect.footer_lines:
            self.size = offset_of_footer(self.file, self.size, dialect.footer_lines)
        self.bytes_per_record = float(ASSUMED_RECORD_BYTES)
        self.most_lines = conf.MAX_FIELD_LINES
        self._columns = columns
        # csv's limit is 128 kB per field and process-wide. Our limit per record replaces it.
        csv.field_size_limit(max(csv.field_size_limit(), conf.MAX_RECORD_BYTES))

    def close(self) -> None:
        self.file.close()

    def columns(self) -> list[str]:
        if self._columns is None:
            self._columns = self._header()[0]
        return self._columns

    @property
    def width(self) -> int:
        """The number of fields in a line; a trailing delimiter makes one more, which is empty."""
        return len(self.columns()) + self.dialect.trailing_delimiter

    def ranges(self) -> Iterator[Range]:
        self._columns, start = self._header()
        self._note_quotes(start)
        while start.offset < self.size:
            end = self._end_of_range(start)
            yield Range(start.offset, end.offset, start.line)
            start = end

    def read(self, start: Position, end: Range, *, limit: int) -> Batch:
        limit = records_within(self.columns(), limit)
        size = min(int(limit * self.bytes_per_record * 1.02) + 256, conf.BATCH_MAX_BYTES)
        batch = self._read_block(start, end.end_offset, size=size, limit=limit)
        if batch is None:
            batch = self._read_one_by_one(start, end.end_offset, limit)
        if batch.size:
            self.bytes_per_record = (batch.end.offset - start.offset) / batch.size
        return batch

    # Regular blocks, by columns

    def _read_block(self, start: Position, stop: int, *, size: int, limit: int) -> Batch | None:
        data = self._bytes(start.offset, min(size, stop - start.offset))
        block = self._block(data, final=start.offset + len(data) >= stop)
        if block is None:
            return None
        if not self._is_plain(block):
            return (
                self._read_ragged(block, start, limit, data) if self._has_a_record_per_line(block) else None
            )
        frame = self._as_frame(block)
        if frame is None:
            return None
        return self._cut(frame, block, start, limit, data)

    def _block(self, data: bytes, *, final: bool) -> RegularBlock | None:
        """Return the records at the beginning of the data, translated, if its quotes are regular."""
        if self.translation:
            translated = self.translation.block(data, self.width)
            if translated is None:
                return None
            data = translated
        return regular_block(data, delimiter=self.delimiter.encode(), quote=self.quote.encode(), final=final)

    def _has_a_record_per_line(self, block: RegularBlock) -> bool:
        """Tell whether each line is a record, a rejection or blank, and nothing spans lines."""
        return not (
            block.embedded_newlines
            or self._has_escaped_newlines(block)
            or self._may_hold_too_long_a_record(block)
        )

    def _read_ragged(self, block: RegularBlock, start: Position, limit: int, data: bytes) -> Batch | None:
        """Read a block of which few lines are irregular: these one by one, all others by columns.

        `data` is not translated. None: the lines must be read one by one after all.
        """
        skeletons, texts = _lines_of(block.skeleton), _lines_of(block.data)
        present = [number for number, line in enumerate(skeletons) if line not in BLANK]
        upto = present[limit] if len(present) > limit else len(skeletons)
        regular = [number for number in present[:limit] if self._is_regular_line(skeletons[number])]
        odd = sorted({*present[:limit]}.difference(regular))
        if len(odd) * FEW_ODD_LINES > len(present) or not regular:
            return None
        records = b"\n".join([texts[number] for number in regular])
        frame = None if records.startswith(BOM) else self._as_frame(RegularBlock(records, b"", len(regular)))
        ends = list(accumulate((len(line) + 1 for line in data.split(b"\n")[:upto]), initial=0))
        rejections = self._rejections_at(odd, ends, start, len(data))
        if frame is None or rejections is None:
            return None
        lines = pl.Series([start.line + number for number in regular], dtype=pl.Int64)
        if self.translation:
            frame, lines = self._translated_back(frame, lines, block)
        frame.columns = self.columns()
        end = Position(start.offset + min(ends[-1], len(data)), start.line + upto)
        return Batch(frame, lines, start, end, rejections)

    def _is_regular_line(self, skeleton: bytes) -> bool:
        returns = skeleton.count(b"\r")
        return skeleton.count(self.delimiter.encode()) == self.width - 1 and (
            not returns or (returns == 1 and skeleton.endswith(b"\r"))
        )

    def _rejections_at(
        self, numbers: list[int], ends: list[int], start: Position, size: int
    ) -> list[Rejection] | None:
        """Return the rejections of these lines; None if one of them is a record, or does not end with its line."""
        rejections = []
        for number in numbers:
            lines = self._lines(Position(start.offset + ends[number], start.line + number))
            line, fields, errors = self._next_record(lines)
            if not errors or lines.position.offset - start.offset != min(ends[number + 1], size):
                return None
            rejections.append(Rejection(line, self._raw(fields, errors), tuple(errors)))
        return rejections

    def _is_plain(self, block: RegularBlock) -> bool:
        """Tell whether Polars can parse the columns: right number of fields, no blank line, lone CR or long record."""
        skeleton = block.skeleton
        returns = skeleton.count(b"\r")
        return (
            skeleton.count(self.delimiter.encode()) == block.records * (self.width - 1)
            and b"\n\n" not in skeleton
            and not skeleton.startswith((b"\n", b"\r\n", BOM))
            and (not returns or (returns == skeleton.count(b"\r\n") and b"\n\r\n" not in skeleton))
            and block.newlines_in_a_field < self.most_lines
            and not self._may_hold_too_long_a_record(block)
        )

    def _may_hold_too_long_a_record(self, block: RegularBlock) -> bool:
        limit = conf.MAX_RECORD_BYTES
        if len(block.data) <= limit:
            return False
        return bool(block.embedded_newlines) or max(map(len, block.data.split(b"\n"))) > limit

    def _as_frame(self, block: RegularBlock) -> pl.DataFrame | None:
        try:
            text = block.data.decode(self.encoding)
        except UnicodeDecodeError:
            return None
        names = [str(number) for number in range(self.width)]
        try:
            # A record with too many fields raises here. The block has the right number of delimiters, so one with
            # too few would need another one with too many.
            frame = pl.read_csv(
                block.data if self.encoding == "utf-8" else text.encode(),
                has_header=False,
                schema=dict.fromkeys(names, pl.String()),
                separator=self.delimiter,
                quote_char=self.quote or None,
                empty_string_is_null=False,
                extra_columns="raise",
            )
        except pl.exceptions.PolarsError:
            return None
        if frame.height != block.records:
            return None
        if self.dialect.trailing_delimiter and (frame.to_series(-1) != "").any():
            return None
        return frame

    def _cut(
        self, frame: pl.DataFrame, block: RegularBlock, start: Position, limit: int, data: bytes
    ) -> Batch:
        """Return the first `limit` records with the number of each one's first line. `data` is not translated."""
        records = frame.head(limit)
        if block.embedded_newlines or self._has_escaped_newlines(block):
            ends = start.line + self._heights(records).cum_sum()
            lines = ends.shift(1, fill_value=start.line)
            next_line = int(ends[-1])
        else:
            lines = pl.int_range(start.line, start.line + records.height, eager=True)
            next_line = start.line + records.height
        length = len(block.data)
        if records.height < frame.height or self.translation:
            length = _offset_after(data, newlines=next_line - start.line)
        if self.translation:
            records, lines = self._translated_back(records, lines, block)
        records.columns = self.columns()
        return Batch(records, lines, start, Position(start.offset + length, next_line))

    def _has_escaped_newlines(self, block: RegularBlock) -> bool:
        newline = self.translation.newline if self.translation else ""
        return bool(newline) and newline.encode() in block.data

    def _heights(self, records: pl.DataFrame) -> pl.Series:
        """Count the lines of each record."""
        newlines = pl.all().str.count_matches("\n", literal=True)
        heights = 1 + pl.sum_horizontal(newlines).cast(pl.Int64)
        if self.translation and self.translation.newline:
            escaped_newlines = pl.all().str.count_matches(self.translation.newline, literal=True)
            heights += pl.sum_horizontal(escaped_newlines).cast(pl.Int64)
        return records.select(heights).to_series()

    def _translated_back(
        self, records: pl.DataFrame, lines: pl.Series, block: RegularBlock
    ) -> tuple[pl.DataFrame, pl.Series]:
        """Return the values as they are in the file, without comments and the empty field at the end of lines."""
        assert self.translation
        if self.translation.comment and self.translation.blank_record.encode() in block.data:
            is_record = records.to_series(0) != self.translation.blank_record
            records, lines = records.filter(is_record), lines.filter(is_record)
        if self.dialect.trailing_delimiter:
            records = records.drop(records.columns[-1])
        return self.translation.frame(records, block.data), lines

    # Other blocks, record by record

    def _read_one_by_one(self, start: Position, stop: int, limit: int) -> Batch:
        rows: list[Sequence[str | None]] = []
        numbers: list[int] = []
        rejections: list[Rejection] = []
        long_fields: list[tuple[int, int]] = []
        lines = self._lines(start)
        upto = min(stop, start.offset + conf.BATCH_MAX_BYTES)
        lines.pass_blank(stop)
        while len(rows) + len(rejections) < limit and lines.position.offset < upto:
            line, fields, errors = self._next_record(lines)
            if errors:
                rejections.append(Rejection(line, self._raw(fields, errors), tuple(errors)))
            elif fields:
                rows.append(fields)
                numbers.append(line)
                if lines.tallest > self.most_lines:
                    long_fields.append((line, lines.position.line - 1))
            lines.pass_blank(stop)
        texts = pl.DataFrame(rows, schema=dict.fromkeys(self.columns(), pl.String()), orient="row")
        return Batch(
            texts, pl.Series(numbers, dtype=pl.Int64), start, lines.position, rejections, long_fields
        )

    def _next_record(self, lines: Lines) -> tuple[int, Sequence[str | None], list[RecordError]]:
        """Return the next record's line, fields and errors; no fields for a blank line or the end.

        A bad record ends where reading is certain again, mostly after its first line (`importer.parse.stray`).
        """
        first, width = lines.position.line, lines.shape.width
        try:
            # While the header is read, a field of many lines is taken for a stray quote.
            fields = next(self._parser(lines.record(most=None if width else self.most_lines)), [])
        except TooLong as error:
            return first, [error.beginning], [_error("record_too_long", str(error))]
        except TooWide as error:
            # A header is refused; a record is only rejected.
            refuse_columns(self.name, 0 if width else error.fields)
            return first, [lines.give_up()], [self._wrong_width(error.fields)]
        except csv.Error as error:
            return first, *self._damaged(lines, first, str(error))
        if width and lines.tallest > self.most_lines and self._is_made_of_records(lines):
            closed = lines.position.line - 1
            text = lines.give_up()
            return first, [text], [_stray(closed, text)]
        if fields and width and len(fields) != width:
            return first, *self._misfitting(lines, fields)
        if fields and width and self.dialect.trailing_delimiter:
            last = fields.pop()
            if last:
                return first, self._values([*fields, last]), [self._wrong_width(width)]
        values = self._values(fields)
        if LONE_SURROGATE.search("".join(filter(None, values))):
            return first, values, [self._undecodable(values)]
        return first, values, []

    def _misfitting(self, lines: Lines, fields: list[str]) -> tuple[Sequence[str | None], list[RecordError]]:
        """Return the values and the error of a record with a wrong number of fields."""
        if self.dialect.widths:
            text = lines.give_up()
            return [text], [_error("wrong_length", misfit(text, self.dialect.widths, self.columns()))]
        errors = [self._wrong_width(len(fields))]
        if len(lines.taken) > 1 and lines.shape.are_regular(lines.taken[1:]):
            # Each of the lines is a record: a stray quote has joined them.
            first_line = lines.taken[0]
            lines.give_up()
            fields = next(self._parser([first_line], strict=False), [])
        return self._values(fields), errors

    def _values(self, fields: list[str]) -> Sequence[str | None]:
        return self.translation.values(fields) if self.translation else fields

    def _parser(self, lines: Iterable[str], *, strict: bool = True) -> Iterator[list[str]]:
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            skipinitialspace=self.dialect.blank_after_delimiter,
            strict=strict,
        )

    def _wrong_width(self, fields: int) -> RecordError:
        """Return the error of a record with so many fields, as people count them."""
        expected = len(self.columns())
        if self.dialect.trailing_delimiter and fields in (self.width, self.width - 1):
            return _error("too_few_fields", "The record does not end with the delimiter.")
        return _wrong_width(fields - self.dialect.trailing_delimiter, expected)

    def _is_made_of_records(self, lines: Lines) -> bool:
        """Tell whether a stray quote has made one record of many. With one column, any line could be a record."""
        return lines.shape.width > 1 and lines.shape.look_like_records(lines.taken[1:])

    def _damaged(self, lines: Lines, first: int, reason: str) -> tuple[list[str], list[RecordError]]:
        """Reject the lines from which no certain record can be read, and go on behind them."""
        together = self._lines_rejected_together(lines, reason) if lines.shape.width else 1
        text = lines.give_up(together)
        return [text], [_csv_error(reason, text, first, first + together - 1)]

    def _lines_rejected_together(self, lines: Lines, reason: str) -> int:
        shape, ended = lines.shape, 0
        if "new-line character" in reason:
            ended = len(lines.taken)
        elif "expected after" in reason:
            ended = shape.lines_of_damaged_record(lines.first(self.most_lines))
        if ended:
            return 1 if shape.are_regular(lines.taken[1:ended]) else ended
        # The quote is never closed.
        behind = lines.taken[1 : self.most_lines]
        return 1 if shape.look_like_records(behind) else 1 + shape.last_other(behind)

    def _undecodable(self, fields: Sequence[str | None]) -> RecordError:
        columns = self._columns or []  # unknown yet if this is the header
        for number, text in enumerate(fields):
            if text and (match := LONE_SURROGATE.search(text)):
                name = columns[number] if number < len(columns) else ""
                byte = ord(match[0]) & 0xFF
                message = f"Character {match.start() + 1} is not valid {self.encoding} (byte 0x{byte:02x})."
                return RecordError(name, "undecodable", message, shown(text))
        raise AssertionError("called without an undecodable character")

    def _raw(self, values: Sequence[str | None], errors: list[RecordError]) -> dict[str, Any]:
        fields, delimiter = [value or "" for value in values], self.dialect.delimiter
        if errors[0].code in ("too_few_fields", "too_many_fields") and not _is_whole(fields, errors):
            columns = self.columns()
            raw: dict[str, Any] = {name: escaped(text) for name, text in zip(columns, fields, strict=False)}
            # Nobody can tell which field is missing or surplus. The mark keeps a replay from importing the record.
            return raw | {RAW: delimiter.join(escaped(text) for text in fields)}
        return {RAW: delimiter.join(escaped(text) for text in fields)}

    # Planning

    def _header(self) -> tuple[list[str], Position]:
        """Return the columns, and the position of the first record."""
        if self.size == 0:
            raise SourceRefused(f'The source "{self.name}" is empty.')
        start = self._beginning()
        if not self.dialect.header:
            return list(self.dialect.columns), start
        lines = self._lines(start, width=0)
        names: list[str] = []
        while not names and not lines.at_end:
            lines.pass_blank(self.size)
            _, fields, errors = self._next_record(lines)
            names = [field or "" for field in fields]
            if errors:
                raise SourceRefused(
                    f'The header of "{self.name}" cannot be read (line {start.line}: '
                    f"{errors[0].message.rstrip('.')}); check --encoding, --delimiter and --quote."
                )
        if self.dialect.widths and len(names) != len(self.dialect.widths):
            raise SourceRefused(
                f'The header of "{self.name}" (line {lines.position.line - 1}) does not have the widths of the fields; '
                f"check --widths, or name the columns (--no-header --columns) and skip it (--skip-lines)."
            )
        if self.dialect.trailing_delimiter and len(names) > 1 and not names[-1]:
            names.pop()
        refuse_columns(self.name, len(names))
        names = [name.strip() or f"_column{number}" for number, name in enumerate(names, 1)]
        if not names:
            raise SourceRefused(f'The source "{self.name}" has no header, only blank lines.')
        name, times = Counter(names).most_common(1)[0]
        if times > 1:
            raise SourceRefused(
                f'The header of "{self.name}" has the column "{shown(name)}" more than once; rename one.'
            )
        if any("\0" in name for name in names):
            raise SourceRefused(f'The header of "{self.name}" has a NUL in it; is it UTF-16? (--encoding)')
        return names, lines.position

    def _note_quotes(self, start: Position) -> None:
        """Note that the first megabyte looks like a file that quotes nothing."""
        data = self._bytes(start.offset, min(SAMPLE_BYTES, self.size - start.offset))
        if not self.quote or self.quote.encode() not in data:
            return
        data = self.translation.line(data) if self.translation else data
        lines = data.decode(self.encoding, "surrogateescape").split("\n")
        if number := Shape(self.delimiter, self.quote, self.width).odd_quotes(lines):
            self.notes.append(
                f"In {number:,} of {len(lines):,} lines a quote begins a field and does not end it. If quotes "
                f"are ordinary characters in this file, create the job with --quote none."
            )

    def _beginning(self) -> Position:
        """Return the position behind the byte order mark and the lines to skip."""
        offset, skipped = (len(BOM) if self._bytes(0, len(BOM)) == BOM else 0), 0
        self.file.seek(offset)
        while skipped < self.dialect.skip_lines and offset < self.size:
            offset, skipped = offset + pass_over(self.file), skipped + 1
        return Position(offset, 1 + skipped)

    def _end_of_range(self, start: Position) -> Position:
        data = self._bytes(start.offset, min(conf.CHUNK_BYTES, self.size - start.offset))
        final = start.offset + len(data) >= self.size
        block = self._block(data, final=final)
        # By the same rules as `read`, so that every range begins where a reader would continue.
        if block is not None and (self._is_plain(block) or self._has_a_record_per_line(block)):
            height, length = block.records + block.embedded_newlines, len(block.data)
            if self.translation:
                newline = self.translation.newline
                height += block.data.count(newline.encode()) if newline else 0
                length = _offset_after(data, newlines=height)
            return Position(start.offset + length, start.line + height)
        lines, stop = self._lines(start), min(self.size, start.offset + conf.CHUNK_BYTES)
        lines.pass_blank(stop)
        while lines.position.offset < stop:
            if self.deadline is not None:
                self.deadline.check()
            self._next_record(lines)
            lines.pass_blank(stop)
        return lines.position

    def _lines(self, start: Position, width: int | None = None) -> Lines:
        shape = Shape(self.delimiter, self.quote, self.width if width is None else width)
        return Lines(self.file, self.encoding, start, self.size, shape, self.translation)

    def _bytes(self, offset: int, size: int) -> bytes:
        self.file.seek(offset)
        return self.file.read(size)


def _translation_of(dialect: Dialect, encoding: str) -> Translation | FixedWidth | None:
    if dialect.widths:
        return FixedWidth(dialect, encoding)
    return None if dialect.is_plain else Translation(dialect, encoding)


def _lines_of(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def _offset_after(data: bytes, *, newlines: int) -> int:
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


def _error(code: str, message: str) -> RecordError:
    return RecordError("", code, message)


def _is_whole(fields: Sequence[str], errors: list[RecordError]) -> bool:
    """Tell whether the only field is the whole text of a record that was too wide to be split."""
    return len(fields) == 1 and errors[0].code == "too_many_fields"


def _wrong_width(fields: int, expected: int) -> RecordError:
    code = "too_few_fields" if fields < expected else "too_many_fields"
    return _error(code, f"The record has {fields} fields where the header has {expected}.")


def _stray(closed: int, text: str) -> RecordError:
    message = (
        f"A quote opens here and is closed in line {closed:,}, but the lines between look like records; it is taken "
        f"for a stray quote."
    )
    return RecordError("", "unterminated_quote", message, shown(text))


def _csv_error(reason: str, text: str, first: int, last: int) -> RecordError:
    code, message = "unterminated_quote", "A quote opens here and is not closed."
    if "expected after" in reason:
        code, message = "stray_quote", "Text follows a closing quote."
    elif "new-line character" in reason:
        code, message = "stray_return", "A carriage return stands alone in the record."
    if last > first:
        message += (
            f" Lines {first:,} to {last:,} are rejected together: where the next record begins is uncertain."
        )
    return RecordError("", code, message, shown(text))
