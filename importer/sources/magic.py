"""Recognizes workbooks by their first bytes, because people rename files."""

from pathlib import Path

from importer.exceptions import SourceRefused
from importer.sources.local import open_file

# Of a zip, as newer workbooks are, and of a compound file, as those of Excel 97 and those with a password are.
ZIP, COMPOUND = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def is_workbook(beginning: bytes) -> bool:
    """Tell whether a file that begins so is a workbook or another zip, and no text."""
    return beginning.startswith((ZIP, COMPOUND))


def refuse_workbook(name: str, path: Path) -> None:
    """Raise SourceRefused if a file that should be text is a workbook."""
    with open_file(path) as file:
        beginning = file.read(len(COMPOUND))
    if beginning.startswith(ZIP):
        raise SourceRefused(
            f'The source "{name}" is a workbook or another zip, whatever its name says; '
            f"use --format xlsx or ods, or end its name with .zip."
        )
    if is_workbook(beginning):
        raise SourceRefused(
            f'The source "{name}" is a workbook of Excel 97 or has a password, whatever its name says; '
            f"open it in a spreadsheet program and save it as .xlsx or .ods."
        )
