"""Recognizes what is no text by its first bytes, because people rename files."""

from pathlib import Path

from importer.exceptions import SourceRefused
from importer.sources.local import open_file

# A zip, as newer workbooks are; a compound file, as those of Excel 97 and those with a password are.
ZIP, COMPOUND = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
UNPACK = "unpack it first"
# How files of other formats begin, what they are, and what to do with them.
OTHER_FORMATS = (
    (ZIP, "a workbook or another zip", "use --format xlsx or ods, or end its name with .zip"),
    (
        COMPOUND,
        "a workbook of Excel 97, or has a password",
        "open it in a spreadsheet program and save it as .xlsx or .ods",
    ),
    (b"\x1f\x8b\x08", "gzip", "end its name with .gz"),
    (b"\x28\xb5\x2f\xfd", "zstd", "end its name with .zst"),
    (b"BZh91AY&SY", "bzip2", UNPACK),
    (b"\xfd7zXZ\0", "xz", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip", UNPACK),
    (b"SQLite format 3\0", "a database of SQLite", "add it to DATABASES and use db:ALIAS/TABLE"),
)
LONGEST = max(len(beginning) for beginning, _, _ in OTHER_FORMATS)


def refuse_other_formats(name: str, path: Path) -> None:
    """Raise SourceRefused, with the way out, if a file that should be text is something else."""
    with open_file(path) as file:
        found = file.read(LONGEST)
    for beginning, what, advice in OTHER_FORMATS:
        if found.startswith(beginning):
            raise SourceRefused(f'The source "{name}" is {what}, whatever its name says; {advice}.')
