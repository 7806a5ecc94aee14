"""Reads record by record with the standard library's strict parser."""

import csv
from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from importer.batches import Batch
from importer.budget import refuse_columns
from importer.conf import conf
from importer.parse.delimited import damage
from importer.parse.delimited.file import DelimitedFile
from importer.parse.delimited.fixed_width import misfit
from importer.parse.delimited.lines import Lines, TooLong, TooWide
from importer.records import LONE_SURROGATE, SHOWN_CHARACTERS, Position, RecordError, Rejection


class Records:
    """Reads the records of a file one by one."""

    def __init__(self, file: DelimitedFile) -> None:
        self.file = file
        self.most_lines = conf.MAX_FIELD_LINES
        # csv's limit is 128 kB per field and process-wide. Our limit per record replaces it.
        csv.field_size_limit(max(csv.field_size_limit(), conf.MAX_RECORD_BYTES))

    def read(self, start: Position, stop: int, limit: int) -> Batch:
        """Return the batch from `start`, which ends before the offset `stop`."""
        rows: list[Sequence[str | None]] = []
        numbers: list[int] = []
        rejections: list[Rejection] = []
        long_fields: list[tuple[int, int]] = []
        lines = self.file.lines(start)
        upto = min(stop, start.offset + conf.BATCH_MAX_BYTES)
        lines.pass_blank(stop)
        while len(rows) + len(rejections) < limit and lines.position.offset < upto:
            line, fields, errors = self.next(lines)
            if errors:
                rejections.append(self.rejection(line, fields, errors))
            elif fields:
                rows.append(fields)
                numbers.append(line)
                if lines.tallest > self.most_lines:
                    long_fields.append((line, lines.position.line - 1))
            lines.pass_blank(stop)
        texts = pl.DataFrame(rows, schema=dict.fromkeys(self.file.columns, pl.String()), orient="row")
        return Batch(
            texts, pl.Series(numbers, dtype=pl.Int64), start, lines.position, rejections, long_fields
        )

    def next(self, lines: Lines) -> tuple[int, Sequence[str | None], list[RecordError]]:
        """Return the next record's line, fields and errors; no fields for a blank line or the end.

        A bad record ends where reading is certain again, mostly after its first line (`stray`).
        """
        first, width = lines.position.line, lines.shape.width
        try:
            # While the header is read, a field of many lines is taken for a stray quote.
            fields = next(self._parser(lines.record(most=None if width else self.most_lines)), [])
        except TooLong as error:
            why = self._passed_too_long(lines, lines.following(self.most_lines - 1)) or str(error)
            return first, [error.beginning], [damage.error("record_too_long", why)]
        except TooWide as error:
            # A header is refused; a record is only rejected.
            refuse_columns(self.file.name, 0 if width else error.fields)
            return first, [lines.give_up()], [damage.wrong_width(error.fields, self.file)]
        except csv.Error as error:
            return first, *self._damaged(lines, first, str(error))
        if width and lines.tallest > self.most_lines and _is_made_of_records(lines):
            closed = lines.position.line - 1
            text = lines.give_up()
            return first, [text], [damage.stray_quote(closed, text)]
        if fields and width and len(fields) != width:
            return first, *self._of_wrong_width(fields, lines)
        if fields and width and self.file.dialect.trailing_delimiter:
            last = fields.pop()
            if last:
                return first, self._values([*fields, last]), [damage.wrong_width(width, self.file)]
        values = self._values(fields)
        if LONE_SURROGATE.search("".join(filter(None, values))):
            return first, values, [damage.undecodable(values, self.file)]
        return first, values, []

    def rejection(self, line: int, fields: Sequence[str | None], errors: list[RecordError]) -> Rejection:
        return Rejection(line, damage.raw(fields, errors, self.file), tuple(errors))

    def _of_wrong_width(
        self, fields: list[str], lines: Lines
    ) -> tuple[Sequence[str | None], list[RecordError]]:
        if widths := self.file.dialect.widths:
            text = lines.give_up()
            return [text], [damage.error("wrong_length", misfit(text, widths, self.file.columns))]
        errors = [damage.wrong_width(len(fields), self.file)]
        if len(lines.taken) > 1 and lines.shape.are_regular(lines.taken[1:]):
            # Each of the lines is a record: a stray quote has joined them.
            first_line = lines.taken[0]
            lines.give_up()
            fields = next(self._parser([first_line], strict=False), [])
        return self._values(fields), errors

    def _values(self, fields: list[str]) -> Sequence[str | None]:
        translation = self.file.translation
        return translation.values(fields) if translation else fields

    def _parser(self, lines: Iterable[str], *, strict: bool = True) -> Iterator[list[str]]:
        return csv.reader(
            lines,
            delimiter=self.file.delimiter,
            quotechar=self.file.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.file.quote else csv.QUOTE_NONE,
            skipinitialspace=self.file.dialect.blank_after_delimiter,
            strict=strict,
        )

    def _damaged(self, lines: Lines, first: int, reason: str) -> tuple[list[str], list[RecordError]]:
        """Reject the lines from which no certain record can be read, and go on behind them."""
        beginning = lines.taken[0][:SHOWN_CHARACTERS]
        if lines.is_cut and (why := self._passed_too_long(lines, self._behind(lines))):
            return [beginning], [damage.error("record_too_long", why)]
        together = self._lines_rejected_together(lines, reason) if lines.shape.width else 1
        text = lines.give_up(together)
        return [text], [damage.refused_by_parser(reason, text, first, first + together - 1)]

    def _lines_rejected_together(self, lines: Lines, reason: str) -> int:
        shape, ended = lines.shape, 0
        if "new-line character" in reason:
            ended = len(lines.taken)
        elif "expected after" in reason:
            ended = shape.lines_of_damaged_record(lines.first(self.most_lines))
        if ended:
            return 1 if shape.are_regular(lines.taken[1:ended]) else ended
        # The quote is never closed.
        behind = self._behind(lines)
        return 1 if shape.look_like_records(behind) else 1 + shape.last_other(behind)

    def _passed_too_long(self, lines: Lines, behind: Sequence[str]) -> str:
        """Pass over a record that is too long, up to where its fields close. Returns why; empty if nothing is sure."""
        shape = lines.shape
        if not shape.width or not shape.quote or (behind and shape.look_like_records(behind)):
            return ""
        return lines.pass_cut_record()

    def _behind(self, lines: Lines) -> Sequence[str]:
        return lines.taken[1 : self.most_lines]


def _is_made_of_records(lines: Lines) -> bool:
    """Tell whether a stray quote has made one record of many. With one column, any line could be a record."""
    return lines.shape.width > 1 and lines.shape.look_like_records(lines.taken[1:])
