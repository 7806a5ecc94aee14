"""Lists the files of a job that reads several, and identifies each of them.

The files are the parts of one source: their records follow one another. The list is fixed when the job is created, the
members of archives when it is planned.
"""

import copy
import hashlib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from importer.budget import Deadline, refuse_parts
from importer.exceptions import SourceRefused
from importer.models import DataImportJob
from importer.sources.fetch import identify_source, local_file, verify_source
from importer.sources.globs import natural
from importer.sources.local import locate
from importer.sources.names import FORMATS, compression_of, guess_format, is_remote, is_table
from importer.sources.spool.folder import remove_spool
from importer.sources.spool.spool import members_of


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a job.

    name          for people: the path below the folder that holds all parts
    member        the file in the zip archive `source`
    size … mark   what identifies `source`
    first_offset  of the part, in the job; also `first_line`
    """

    source: str
    member: str = ""
    name: str = ""
    size: int = 0
    mtime_ns: int = 0
    hash: str = ""
    mark: str = ""
    first_offset: int = 0
    first_line: int = 1

    @property
    def path(self) -> str:
        return f"{self.source}/{self.member}" if self.member else self.source


def parts_of(job: DataImportJob) -> list[Part]:
    """Return the parts; none if the job reads a single file or a table."""
    return [Part(**part) for part in job.parts]


def as_stored(parts: Sequence[Part]) -> list[dict[str, Any]]:
    return [asdict(part) for part in parts]


def sources_of(job: DataImportJob) -> list[str]:
    """Return the names of all files that the job reads."""
    return [part.path for part in parts_of(job)] or [job.source]


def of_part(job: DataImportJob, part: Part) -> DataImportJob:
    """Return the job as if the part were its only source. It must not be saved."""
    view = copy.copy(job)
    view.source, view.parts = part.source, []
    view.source_size, view.source_mtime_ns = part.size, part.mtime_ns
    view.source_hash, view.source_mark = part.hash, part.mark
    return view


def identify_all(job: DataImportJob, deadline: Deadline, notes: list[str]) -> None:
    """Store in the job what identifies its source, or each of its parts, and list the members of archives.

    Does not save the job. Raises SourceRefused.
    """
    if is_table(job.source):
        return
    sources = list(dict.fromkeys(part.source for part in parts_of(job)))
    if not sources:
        identify_source(job, deadline)
        members = _members(job, deadline, notes)
        if len(members) < 2:
            return
        parts = [replace(_identified(Part(job.source), job), member=member) for member in members]
    else:
        parts = list(_identified_parts(job, sources, deadline, notes))
    refuse_parts(len(parts))
    job.parts = as_stored(_named(parts))
    job.source_size = sum(part.size for part in {part.source: part for part in parts}.values())
    job.source_hash = hashlib.sha256(
        "\0".join(part.hash + part.member for part in parts).encode()
    ).hexdigest()


def verify_all(job: DataImportJob, deadline: Deadline) -> None:
    """Raise SourceChanged unless the source, or each part, is the one that was planned on."""
    if is_table(job.source):
        return
    views = {part.source: of_part(job, part) for part in parts_of(job)}
    for view in views.values() or [job]:
        verify_source(view, deadline)


def _identified_parts(
    job: DataImportJob, sources: list[str], deadline: Deadline, notes: list[str]
) -> Iterator[Part]:
    remove_spool(job)
    for source in sources:
        view = of_part(job, Part(source))
        identify_source(view, deadline, is_alone=False)
        part = _identified(Part(source), view)
        for member in _members(view, deadline, notes) or [""]:
            yield replace(part, member=member)


def _identified(part: Part, job: DataImportJob) -> Part:
    return replace(
        part,
        size=job.source_size or 0,
        mtime_ns=job.source_mtime_ns or 0,
        hash=job.source_hash,
        mark=job.source_mark,
    )


def _members(job: DataImportJob, deadline: Deadline, notes: list[str]) -> list[str]:
    """Return the files of a zip archive that have the job's format, in natural order; none for other files."""
    if compression_of(Path(job.source)) != "zip":
        return []
    names = sorted(members_of(job, local_file(job, deadline), deadline), key=natural)
    if len(names) < 2:
        return names
    data = [name for name in names if Path(name).suffix.lower() in FORMATS]
    others = [name for name in names if name not in data]
    if data and others:
        number = "1 file was" if len(others) == 1 else f"{len(others):,} files were"
        shown = ", ".join(others[:3]) + (" and others" if len(others) > 3 else "")
        notes.append(
            f'Of the archive "{Path(job.source).name}" {number} passed over, because no format is told by the name: '
            f"{shown}."
        )
    refuse_mixed(job.format, [(name, FORMATS[Path(name).suffix.lower()]) for name in data])
    return data or names


def refuse_mixed(job_format: str, found: Sequence[tuple[str, str]]) -> None:
    """Raise SourceRefused for the first file of another format than the job's."""
    for name, file_format in found:
        if file_format != job_format:
            raise SourceRefused(
                f'The file "{name}" is {file_format}, the others are {job_format}; one job reads one format.'
            )


def guess_format_of_all(sources: Sequence[str]) -> str:
    """Return the format that the names of all sources tell. Raises SourceRefused if they tell none, or several."""
    formats = [(source, _guess_format(source)) for source in sources]
    refuse_mixed(formats[0][1], formats)
    return formats[0][1]


def _guess_format(source: str) -> str:
    """Return the format that a name tells; for a local zip archive without such a name, the format of its files."""
    try:
        return guess_format(source)
    except SourceRefused:
        if compression_of(Path(source)) != "zip" or is_remote(source):
            raise
        names = members_of(DataImportJob(source=source), locate(source), Deadline(Path(source).name))
        known = [name for name in names if Path(name).suffix.lower() in FORMATS]
        if not known:
            raise
        return FORMATS[Path(known[0]).suffix.lower()]


def label_of(asked: Sequence[str]) -> str:
    """Return what stands for several sources in `DataImportJob.source`: what was asked for, as far as it fits."""
    text = shlex.join(asked) if len(asked) > 1 else asked[0]
    longest = DataImportJob._meta.get_field("source").max_length or 0
    return text if len(text) <= longest else f"{asked[0][: longest - 100]} and {len(asked) - 1:,} more"


def _named(parts: Sequence[Part]) -> list[Part]:
    """Name each part by its path below the folder that holds all of them."""
    paths = [part.path.split("/") for part in parts]
    shared = 0
    while all(len(path) > shared + 1 and path[shared] == paths[0][shared] for path in paths):
        shared += 1
    return [replace(part, name="/".join(path[shared:])) for part, path in zip(parts, paths, strict=True)]
