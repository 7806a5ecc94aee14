"""Chooses a sheet of a workbook."""

from collections.abc import Iterable
from dataclasses import dataclass

from importer.exceptions import SourceRefused

SHOWN_SHEETS = 10


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet; `path` is that of its part of the workbook, if it has one of its own."""

    name: str
    path: str = ""
    is_hidden: bool = False

    def __str__(self) -> str:
        return f'"{self.name[:60]}"{" (hidden)" if self.is_hidden else ""}'


def named(sheets: list[Sheet], wanted: str, workbook: str) -> list[Sheet]:
    """Return the sheets that may be read: the one of that name, or the visible ones. Raises SourceRefused for none."""
    found = [sheet for sheet in sheets if is_wanted(sheet, wanted)]
    if not sheets:
        raise SourceRefused(f'The workbook "{workbook}" has no sheet of cells.')
    if not found and wanted:
        raise SourceRefused(
            f'The workbook "{workbook}" has no sheet "{wanted[:60]}"; it has {listed(sheets)}.'
        )
    return found


def is_wanted(sheet: Sheet, wanted: str) -> bool:
    """Tell whether a sheet has this name (without case, as programs do); without a name, if it is visible."""
    return sheet.name.casefold() == wanted.casefold() if wanted else not sheet.is_hidden


def listed(sheets: Iterable[Sheet]) -> str:
    names = [str(sheet) for sheet in sheets]
    more = f" and {len(names) - SHOWN_SHEETS:,} more" if len(names) > SHOWN_SHEETS else ""
    return ", ".join(names[:SHOWN_SHEETS]) + more
