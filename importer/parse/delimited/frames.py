"""Reads regular blocks as columns."""

from codecs import BOM_UTF8
from collections.abc import Sequence
from itertools import accumulate

import polars as pl

from importer.batches import Batch
from importer.parse.delimited.blocks import RegularBlock, offset_after
from importer.parse.delimited.file import DelimitedFile, may_hold_too_long_a_record
from importer.parse.delimited.records import Records
from importer.parse.delimited.stretches import Stretches
from importer.records import Position, Rejection

# One odd line in so many makes it worthwhile to read the others by columns.
FEW_ODD_LINES = 4
# Single records between the stretches of a batch: so many, and one for so many others, before all are read one by one.
SOME_SINGLE, FEW_SINGLE = 16, 8
BLANK = (b"", b"\r")


class Frames:
    """Reads blocks of a file by columns, where the result is the same as record by record."""

    def __init__(self, file: DelimitedFile, records: Records) -> None:
        self.file = file
        self.translation = file.translation
        self.records = records
        self.stretches = Stretches(file, records)
        # Whether the last records were read in stretches: then the next ones probably are, too.
        self.are_irregular = False

    def read(self, start: Position, stop: int, *, size: int, limit: int) -> Batch | None:
        """Return the batch from `start`. None: its records must be read one by one."""
        data = self.file.read(start.offset, min(size, stop - start.offset))
        if self.are_irregular or self.file.is_quoted(data):
            return self._in_stretches(data, start, stop, limit)
        block = self.file.block(data, final=start.offset + len(data) >= stop)
        if block is not None and self._is_plain(block) and (frame := self._frame(block)) is not None:
            return self._cut(frame, block, start, limit, data)
        if block is not None and self._has_a_record_per_line(block):
            batch = self._ragged(block, start, limit, data)
            if batch is not None:
                return batch
        return self._in_stretches(data, start, stop, limit)

    def size_of(self, block: RegularBlock, data: bytes) -> tuple[int, int] | None:
        """Return the bytes and lines of a block that `read` would read as a whole; None if it would not.

        `data` is what the block was translated from.
        """
        if not (self._has_a_record_per_line(block) or self._is_plain(block)):
            return None
        return self.file.extent(block, data)

    def _is_plain(self, block: RegularBlock) -> bool:
        return self.file.is_plain(block, most_lines=self.records.most_lines)

    def _has_a_record_per_line(self, block: RegularBlock) -> bool:
        """Tell whether each line is a record, a rejection or blank, and nothing spans lines."""
        return not (
            block.embedded_newlines
            or self.file.has_escaped_newlines(block)
            or may_hold_too_long_a_record(block)
        )

    # Blocks that are irregular somewhere

    def _in_stretches(self, data: bytes, start: Position, stop: int, limit: int) -> Batch | None:
        """Read the regular stretches of the data by columns. None if they are few, or the dialect is translated."""
        self.are_irregular = False
        if self.translation:
            return None
        blocks: list[RegularBlock] = []
        firsts: list[Position] = []
        rejections: list[Rejection] = []
        long_fields: list[tuple[int, int]] = []
        end, records, single = start, 0, 0
        for stretch in self.stretches.walk(data, start, stop, most=limit):
            end = stretch.end
            single += stretch.block is None
            if single > SOME_SINGLE + records // FEW_SINGLE:
                return None
            if stretch.errors:
                rejections.append(
                    self.records.rejection(stretch.start.line, stretch.fields, list(stretch.errors))
                )
                continue
            block = stretch.block or self._as_block(stretch.fields)
            if stretch.lines > self.records.most_lines:
                long_fields.append((stretch.start.line, end.line - 1))
            if block.records:
                blocks.append(block)
                firsts.append(stretch.start)
                records += block.records
        whole = RegularBlock(
            b"".join(block.data for block in blocks), b"", records, sum(b.embedded_newlines for b in blocks)
        )
        frame = self._frame(whole) if records else None
        if frame is None:
            return None
        lines = self._first_lines(frame, whole, [block.records for block in blocks], firsts)
        frame.columns = self.file.columns
        self.are_irregular = single > 0
        return Batch(frame, lines, start, end, rejections, long_fields)

    def _as_block(self, fields: Sequence[str | None]) -> RegularBlock:
        """Write a record that was read by itself as CSV."""
        if not fields:
            return RegularBlock(b"", b"", 0)
        quote = self.file.quote
        texts = (
            f"{quote}{(text or '').replace(quote, quote * 2) if quote else text}{quote}" for text in fields
        )
        data = f"{self.file.delimiter.join(texts)}\n".encode(self.file.encoding)
        return RegularBlock(data, b"", 1, data.count(b"\n") - 1)

    def _first_lines(
        self, frame: pl.DataFrame, block: RegularBlock, records: list[int], firsts: list[Position]
    ) -> pl.Series:
        """Return each record's first line: within a stretch, records follow one another."""
        if block.embedded_newlines:
            before = self._heights(frame).cum_sum().shift(1, fill_value=0)
        else:
            before = pl.int_range(frame.height, eager=True)
        begins = list(accumulate(records, initial=0))[:-1]
        lines = pl.Series([first.line for first in firsts], dtype=pl.Int64) - before.gather(begins)
        return before + _repeated(lines, records)

    # Blocks with a few irregular lines

    def _ragged(self, block: RegularBlock, start: Position, limit: int, data: bytes) -> Batch | None:
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
        frame = (
            None if records.startswith(BOM_UTF8) else self._frame(RegularBlock(records, b"", len(regular)))
        )
        ends = list(accumulate((len(line) + 1 for line in data.split(b"\n")[:upto]), initial=0))
        rejections = self._rejections_at(odd, ends, start, len(data))
        if frame is None or rejections is None:
            return None
        lines = pl.Series([start.line + number for number in regular], dtype=pl.Int64)
        if self.translation:
            frame, lines = self._translated_back(frame, lines, block)
        frame.columns = self.file.columns
        end = Position(start.offset + min(ends[-1], len(data)), start.line + upto)
        return Batch(frame, lines, start, end, rejections)

    def _is_regular_line(self, skeleton: bytes) -> bool:
        returns = skeleton.count(b"\r")
        return skeleton.count(self.file.delimiter.encode()) == self.file.width - 1 and (
            not returns or (returns == 1 and skeleton.endswith(b"\r"))
        )

    def _rejections_at(
        self, numbers: list[int], ends: list[int], start: Position, size: int
    ) -> list[Rejection] | None:
        """Return the rejections of these lines; None if one of them is a record, or does not end with its line."""
        rejections = []
        for number in numbers:
            lines = self.file.lines(Position(start.offset + ends[number], start.line + number))
            line, fields, errors = self.records.next(lines)
            if not errors or lines.position.offset - start.offset != min(ends[number + 1], size):
                return None
            rejections.append(self.records.rejection(line, fields, errors))
        return rejections

    # Blocks as columns

    def _frame(self, block: RegularBlock) -> pl.DataFrame | None:
        try:
            text = block.data.decode(self.file.encoding)
        except UnicodeDecodeError:
            return None
        names = [str(number) for number in range(self.file.width)]
        try:
            # A record with too many fields raises here. The block has the right number of delimiters, so one with
            # too few would need another one with too many.
            frame = pl.read_csv(
                block.data if self.file.encoding == "utf-8" else text.encode(),
                has_header=False,
                schema=dict.fromkeys(names, pl.String()),
                separator=self.file.delimiter,
                quote_char=self.file.quote or None,
                empty_string_is_null=False,
                extra_columns="raise",
            )
        except pl.exceptions.PolarsError:
            return None
        if frame.height != block.records:
            return None
        if self.file.dialect.trailing_delimiter and (frame.to_series(-1) != "").any():
            return None
        return frame

    def _cut(
        self, frame: pl.DataFrame, block: RegularBlock, start: Position, limit: int, data: bytes
    ) -> Batch:
        """Return the first `limit` records with the number of each one's first line. `data` is not translated."""
        records = frame.head(limit)
        if block.embedded_newlines or self.file.has_escaped_newlines(block):
            ends = start.line + self._heights(records).cum_sum()
            lines = ends.shift(1, fill_value=start.line)
            next_line = int(ends[-1])
        else:
            lines = pl.int_range(start.line, start.line + records.height, eager=True)
            next_line = start.line + records.height
        length = len(block.data)
        if records.height < frame.height or self.translation:
            length = offset_after(data, newlines=next_line - start.line)
        if self.translation:
            records, lines = self._translated_back(records, lines, block)
        records.columns = self.file.columns
        return Batch(records, lines, start, Position(start.offset + length, next_line))

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
        if self.file.dialect.trailing_delimiter:
            records = records.drop(records.columns[-1])
        return self.translation.frame(records, block.data), lines


def _repeated(values: pl.Series, times: list[int]) -> pl.Series:
    """Return each value so many times."""
    return (
        pl.DataFrame({"value": values, "times": times})
        .select(pl.col("value").repeat_by("times").explode())
        .to_series()
    )


def _lines_of(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return lines if lines[-1] else lines[:-1]
