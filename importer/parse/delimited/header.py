"""Reads the names of the columns, and finds where the records begin."""

from codecs import BOM_UTF8
from collections import Counter

from importer.budget import refuse_columns
from importer.exceptions import SourceRefused
from importer.parse.delimited.file import DelimitedFile
from importer.parse.delimited.records import Records
from importer.records import Position, shown


def read_header(file: DelimitedFile) -> tuple[list[str], Position]:
    """Return the columns, and the position of the first record. Raises SourceRefused."""
    if file.size == 0:
        raise SourceRefused(f'The source "{file.name}" is empty.')
    start = _beginning(file)
    if not file.dialect.header:
        return list(file.dialect.columns), start
    names, end = _first_record(file, start)
    if file.dialect.widths and len(names) != len(file.dialect.widths):
        raise SourceRefused(
            f'The header of "{file.name}" (line {end.line - 1}) does not have the widths of the fields; '
            f"check --widths, or name the columns (--no-header --columns) and skip it (--skip-lines)."
        )
    if file.dialect.trailing_delimiter and len(names) > 1 and not names[-1]:
        names.pop()
    refuse_columns(file.name, len(names))
    names = [name.strip() or f"_column{number}" for number, name in enumerate(names, 1)]
    _refuse_names(file.name, names)
    return names, end


def _beginning(file: DelimitedFile) -> Position:
    """Return the position behind the byte order mark and the lines to skip."""
    offset = len(BOM_UTF8) if file.read(0, len(BOM_UTF8)) == BOM_UTF8 else 0
    return file.position_behind(file.dialect.skip_lines, offset=offset)


def _first_record(file: DelimitedFile, start: Position) -> tuple[list[str], Position]:
    lines, records = file.lines(start, width=0), Records(file)
    names: list[str] = []
    while not names and not lines.at_end:
        lines.pass_blank(file.size)
        _, fields, errors = records.next(lines)
        names = [field or "" for field in fields]
        if errors:
            raise SourceRefused(
                f'The header of "{file.name}" cannot be read (line {start.line}: '
                f"{errors[0].message.rstrip('.')}); check --encoding, --delimiter and --quote."
            )
    return names, lines.position


def _refuse_names(source: str, names: list[str]) -> None:
    if not names:
        raise SourceRefused(f'The source "{source}" has no header, only blank lines.')
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise SourceRefused(
            f'The header of "{source}" has the column "{shown(name)}" more than once; rename one.'
        )
    if with_nul := next((name for name in names if "\0" in name), ""):
        raise SourceRefused(
            f'The header of "{source}" has a NUL in the column "{shown(with_nul[:40])}"; rename it, or name the '
            f"encoding if it is UTF-16 (--encoding)."
        )
