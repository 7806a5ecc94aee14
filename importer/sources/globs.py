"""Finds the files that a pattern names, and puts files in natural order."""

import fnmatch
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from importer.budget import refuse_parts
from importer.conf import conf
from importer.exceptions import SourceRefused
from importer.sources.local import locate, refuse_unwritable_name
from importer.sources.names import is_remote, is_table

# Excel puts such a file beside each workbook that somebody has open.
LOCK = "~$"
WILDCARD = re.compile(r"[*?\[]")
# Entries of folders that one pattern may look at.
MOST_ENTRIES = 100_000


def expand(sources: Sequence[str]) -> list[str]:
    """Return the sources, each pattern replaced by its files. Raises SourceRefused.

    A shell that has replaced a pattern itself sorts "2" behind "10". So what arrives in a shell's order is put in
    natural order; any other order was meant.
    """
    found = [file for source in sources for file in _files_of(source)]
    if len(sources) > 1 and found in (sorted(found), sorted(found, key=str.casefold)):
        found.sort(key=natural)
    refuse_parts(len(found))
    for number, file in enumerate(found):
        if file in found[:number]:
            raise SourceRefused(f'The file "{file}" is named twice; name it once.')
    if len(found) > 1 and any(map(is_table, found)):
        raise SourceRefused("A table cannot be read together with other sources; make a job for it.")
    return found


def natural(name: str) -> list[tuple[int, str, int]]:
    """Return a key that sorts numbers in names as numbers: "a2" before "a10"."""
    pieces = re.split(r"([0-9]+)", name)
    return [(1, "", int(piece)) if number % 2 else (0, piece, 0) for number, piece in enumerate(pieces)]


def is_pattern(source: str) -> bool:
    """Tell whether a source is a pattern. A file that has just this name is a file."""
    if is_remote(source) or is_table(source) or "\0" in source or not WILDCARD.search(source):
        return False
    return not os.path.lexists(source)


def _files_of(source: str) -> list[str]:
    if is_table(source) or is_remote(source):
        return [source]
    if not is_pattern(source):
        return [str(locate(source))]  # an absolute path, so that the job runs from any folder
    return files_matching(source)


def files_matching(pattern: str) -> list[str]:
    """Return the files that a pattern names, in natural order, without links. Raises SourceRefused."""
    parts = Path(os.path.abspath(pattern)).parts
    first = next(number for number, part in enumerate(parts) if WILDCARD.search(part))
    root, looked = _root(pattern, Path(*parts[:first])), [0]
    found = sorted(map(str, _matches(pattern, root, parts[first:], looked)), key=natural)
    if not found:
        raise SourceRefused(f'No file matches "{pattern}".')
    for file in found:
        refuse_unwritable_name(file)
    return found


def _root(pattern: str, folder: Path) -> Path:
    roots = conf.source_roots()
    try:
        real = folder.resolve()
    except (OSError, RuntimeError):
        real = folder
    if not any(real.is_relative_to(root) for root in roots):
        raise SourceRefused(
            f'The source "{pattern}" is outside the folders that imports may read '
            f'({", ".join(map(str, roots)) or "none"}); move it there or extend IMPORTER["SOURCE_ROOTS"].'
        )
    return real


def _matches(pattern: str, folder: Path, parts: Sequence[str], looked: list[int]) -> Iterator[Path]:
    name, *rest = parts
    try:
        entries = list(_entries(pattern, folder, looked))
    except OSError:  # no such folder, or one that may not be read
        return
    for entry in entries:
        if not fnmatch.fnmatchcase(entry.name, name) or (_is_hidden(entry.name) and not _is_hidden(name)):
            continue
        if rest and entry.is_dir(follow_symlinks=False):
            yield from _matches(pattern, folder / entry.name, rest, looked)
        elif not rest and entry.is_file(follow_symlinks=False):
            yield folder / entry.name


def _is_hidden(name: str) -> bool:
    return name.startswith((".", LOCK))


def _entries(pattern: str, folder: Path, looked: list[int]) -> Iterator["os.DirEntry[str]"]:
    with os.scandir(folder) as entries:
        for entry in entries:
            looked[0] += 1
            if looked[0] > MOST_ENTRIES:
                raise SourceRefused(
                    f'The pattern "{pattern}" has to look at more than {MOST_ENTRIES:,} files; name a folder.'
                )
            yield entry
