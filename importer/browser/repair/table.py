"""Lays records out as a table form: the bad cells first, as inputs, and no cell without a bound."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from importer.browser.repair.access import Access
from importer.models import StagingRecord
from importer.records import RAW
from importer.rejects.cells import cell as text_of
from importer.rejects.families import Reason
from importer.rejects.reading import Reading

# Columns of the table, and inputs of a record on a page of its own.
MOST_COLUMNS, MOST_INPUTS = 12, 200
# Characters that the table shows, that an input of it takes, and that a page of one record takes.
SHOWN, EDITABLE, LONGEST = 120, 400, 1_000_000
# Raw text that is shown, and split as a proposal.
RAW_SHOWN = 5_000
# Texts that were typed and not saved, by line and column.
Entered = Mapping[int, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a record.

    text      the whole text in an input, its beginning otherwise
    stored    what is stored, where somebody has typed another text that was not saved
    is_cut    the text goes on; the record's own page has it all
    is_long   not even that page takes it, only a file
    """

    number: int
    column: str
    text: str
    messages: tuple[str, ...] = ()
    is_input: bool = False
    is_area: bool = False
    is_cut: bool = False
    is_long: bool = False
    stored: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing but its text, as in most cells of a table."""
        return not (self.is_input or self.is_cut or self.messages)


@dataclass(frozen=True, slots=True)
class Row:
    """A record. `messages` are about the whole of it; `raw` is its text if it could not be split."""

    line: int
    place: str
    seen_at: str
    is_fixed: bool
    messages: tuple[str, ...]
    told: str
    cells: list[Cell]
    raw: str | None = None
    is_raw_cut: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    columns: list[str]
    rows: list[Row]
    hidden: int = 0

    @property
    def has_inputs(self) -> bool:
        return any(cell.is_input for row in self.rows for cell in row.cells)


@dataclass(frozen=True, slots=True)
class OneRecord:
    """A record with all columns, or some of very many. `following`: where the next ones begin."""

    row: Row
    following: int | None = None
    before: int | None = None
    too_many: bool = False
    others: list[str] = field(default_factory=list)


def table_of(
    access: Access,
    records: Sequence[StagingRecord],
    reading: Reading,
    reason: Reason | None,
    entered: Entered,
    told: Mapping[int, str],
) -> Table:
    """Lay out a page of records: first the columns of the family, then other bad ones, then those that are read."""
    bad = {column: None for record in records for column in _faults(record, reading)}
    first = reading.columns_of(reason.field) if reason else ()
    wanted = dict.fromkeys([*first, *bad, *reading.read, *access.columns])
    columns = [column for column in wanted if column in access.columns][:MOST_COLUMNS]
    rows = [
        _row(access, record, reading, columns, entered, told, editable=EDITABLE, shown=SHOWN)
        for record in records
    ]
    return Table(columns, rows, len(access.columns) - len(columns))


def one_record(
    access: Access,
    record: StagingRecord,
    reading: Reading,
    start: int,
    column: str | None,
    entered: Entered,
    told: Mapping[int, str],
) -> OneRecord:
    """Lay out one record with all its columns, from the `start`-th on; with `column`, that one alone."""
    faults = _faults(record, reading)
    wanted = [
        name for name in dict.fromkeys([*faults, *reading.read, *access.columns]) if name in access.columns
    ]
    if column is not None:
        row = _row(
            access, record, reading, [column], entered, told, editable=LONGEST, shown=LONGEST, all_of_it=True
        )
        return OneRecord(row)
    if RAW in record.raw and not access.reads_source:
        return OneRecord(_row(access, record, reading, [], entered, told, editable=0, shown=SHOWN))
    if RAW in record.raw:
        too_many = len(wanted) > 2 * MOST_INPUTS
        columns = [] if too_many else list(access.columns)
        row = _row(
            access, record, reading, columns, entered, told, editable=LONGEST, shown=SHOWN, all_of_it=True
        )
        return OneRecord(row, too_many=too_many)
    columns = wanted[start : start + MOST_INPUTS]
    row = _row(
        access, record, reading, columns, entered, told, editable=EDITABLE * 10, shown=SHOWN, all_of_it=True
    )
    following = start + MOST_INPUTS if start + MOST_INPUTS < len(wanted) else None
    return OneRecord(row, following, max(0, start - MOST_INPUTS) if start else None)


def _faults(record: StagingRecord, reading: Reading) -> dict[str, list[str]]:
    """Return the messages of a record by the column that they are about."""
    faults: dict[str, list[str]] = {}
    for error in record.errors:
        for column in reading.columns_of(error["field"]):
            faults.setdefault(column, []).append(error["message"])
    return faults


def _row(
    access: Access,
    record: StagingRecord,
    reading: Reading,
    columns: Sequence[str],
    entered: Entered,
    told: Mapping[int, str],
    *,
    editable: int,
    shown: int,
    all_of_it: bool = False,
) -> Row:
    is_fixed = record.state == StagingRecord.State.FIXED
    faults = _faults(record, reading)
    raw = record.raw.get(RAW)
    is_unsplit = raw is not None and not set(columns) & record.raw.keys()
    proposed = _split(raw, access) if is_unsplit and access.reads_source else {}
    cells = []
    for column in columns:
        text = proposed.get(column, "") if proposed else text_of(record, column, reading.nulls)
        is_input = access.may_change and (
            all_of_it or (column in faults and (raw is None or column in record.raw))
        )
        typed = entered.get(record.line, {}).get(column)
        cells.append(_cell(access, column, text, typed, faults.get(column, ()), is_input, editable, shown))
    known = {column for column in faults if column in columns}
    whole = [e["message"] for e in record.errors if not known.intersection(reading.columns_of(e["field"]))]
    return Row(
        record.line,
        access.job.place_of(record.line),
        record.updated_at.isoformat(),
        is_fixed,
        tuple(whole),
        told.get(record.line, ""),
        cells,
        None if raw is None else raw[:RAW_SHOWN],
        raw is not None and len(raw) > RAW_SHOWN,
    )


def _cell(
    access: Access,
    column: str,
    text: str,
    typed: str | None,
    messages: Sequence[str],
    is_input: bool,
    editable: int,
    shown: int,
) -> Cell:
    number = access.number_of(column)
    is_input = is_input and len(text) <= editable
    wanted = text if typed is None else typed
    if not is_input:
        return Cell(
            number,
            column,
            text[:shown],
            tuple(messages),
            is_cut=len(text) > shown,
            is_long=len(text) > LONGEST,
        )
    is_area = any(end in wanted + text for end in "\r\n") or len(wanted) > SHOWN
    stored = None if typed in (None, text) else text[:SHOWN]
    return Cell(number, column, wanted, tuple(messages), is_input=True, is_area=is_area, stored=stored)


def _split(raw: Any, access: Access) -> dict[str, str]:
    """Split raw text at the job's delimiter, as far as that goes: a person moves the rest to where it belongs."""
    columns = access.job.columns or []
    delimiter = access.job.delimiter or access.job.dialect.get("delimiter") or ","
    delimiter = {"tab": "\t"}.get(delimiter, delimiter)
    if len(raw) > RAW_SHOWN or len(delimiter) != 1:
        return {}
    try:
        fields = next(csv.reader([raw], delimiter=delimiter), [])
    except (csv.Error, ValueError, TypeError):
        return {}
    return dict(zip(columns, fields, strict=False))
