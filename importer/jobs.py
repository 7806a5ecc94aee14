"""Creates import jobs, also for uploaded files."""

import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.files import File
from django.utils.text import get_valid_filename

from importer import ledger
from importer.conf import conf
from importer.exceptions import SourceRefused, first_line
from importer.models import DataImportJob, LogEvent
from importer.parse.open import dialect_of
from importer.sources.globs import expand, is_pattern
from importer.sources.local import locate
from importer.sources.names import (
    STORAGE_PREFIX,
    WORKBOOKS,
    is_remote,
    is_table,
    split_remote,
    split_table,
)
from importer.sources.parts import Part, as_stored, guess_format_of_all, label_of
from importer.sources.remote.packed_uploads import packed
from importer.sources.remote.remote import open_remote, refuse_forbidden, storage_called
from importer.sources.spool.spool import is_bytewise
from importer.specs.faults.refuse import refuse_faults
from importer.specs.registry import get_spec
from importer.specs.stored import note_use

# Longest name of a stored upload, in bytes. Somebody else chose the name; only its ending matters, for the format.
UPLOAD_BYTES = 100
HEX = re.compile(r"\\x([0-9A-Fa-f]{2})")
# Parts of a dialect that a workbook does not have.
OF_TEXT = ("quote", "escape", "trailing_delimiter", "blank_after_delimiter", "widths")
DELIMITERS = {"tab": "\t", "\\t": "\t"}


def create_job(
    spec: str,
    source: str | Sequence[str] = "",
    *,
    upload: File | Sequence[File] | None = None,
    format: str | None = None,  # noqa: A002 (the option's name, and the column's)
    encoding: str = "utf-8",
    delimiter: str = "",
    dialect: dict[str, Any] | None = None,
    sheet: str = "",
    name: str = "",
    created_by: Any = None,
    review: bool | None = None,
) -> DataImportJob:
    """Create a job that is ready to run.

    spec        name of a registered spec, or "mapping:ID" of a stored one
    source      a path, a pattern ("exports/2021-*.csv"), `s3://BUCKET/KEY`, `storage:ALIAS/NAME` or `db:ALIAS/TABLE`;
                several files are read as one source
    upload      instead of `source`: an uploaded file, which is stored below `IMPORTER["UPLOADS"]`; several are packed
                into one archive
    format      a `DataImportJob.Format`; None: guessed from the source's name
    encoding    a codec that Python knows, for text files
    delimiter   what separates fields, "tab", or a byte such as "\\x01"; empty: the spec's, or the format's own
    dialect     parts of a `Dialect` by name, which win over the spec's
    sheet       a sheet of a workbook; empty: the first visible one with values
    created_by  the user who owns the job, or None
    review      a second person must approve the job before it writes anything; None: as the spec says, or the
                setting REVIEW for jobs that have an owner

    Raises UnknownSpec, MappingRefused (a lookup names an unknown path), SourceRefused, SettingsRefused.
    """
    if upload is not None and not isinstance(upload, File):
        upload = upload[0] if len(upload) == 1 else packed(upload)
    asked = [source] if isinstance(source, str) else list(source) or [""]
    sources = _sources(asked) if upload is None else [upload_name(upload)]
    for each in filter(is_remote, sources):
        refuse_forbidden(each)
    refuse_faults(get_spec(spec))
    if review is None:
        review = get_spec(spec).options.review or (conf.REVIEW and created_by is not None)
    file_format = format or guess_format_of_all(sources)
    for each in sources:
        _refuse_misfits(each, file_format, name)
        _refuse_options_of_others(each, file_format, encoding, delimiter, dialect or {}, sheet)
    delimiter = HEX.sub(lambda match: chr(int(match[1], 16)), DELIMITERS.get(delimiter, delimiter))
    job = DataImportJob(
        spec=spec, format=file_format, encoding=encoding, delimiter=delimiter, name=name, created_by=created_by,
        needs_approval=review,
        options=({"dialect": dialect} if dialect else {}) | ({"sheet": sheet} if sheet else {}),
    )  # fmt: skip
    dialect_of(job)  # contradictions are reported now
    is_bytewise(encoding)
    if upload is not None:
        refuse_enormous(upload)
        sources = [keep_upload(sources[0], upload)]
    else:
        sources = [_found(each) for each in sources]
    job.source = sources[0] if len(sources) == 1 else label_of(asked)
    job.parts = [] if len(sources) == 1 else as_stored([Part(each) for each in sources])
    job.save()
    note_use(spec)
    ledger.log(job, LogEvent.CREATED)
    return job


def _sources(asked: Sequence[str]) -> list[str]:
    if len(asked) == 1 and not is_pattern(asked[0]):
        return list(asked)
    return expand(asked)


def _found(source: str) -> str:
    """Return the source's name in the job. Raises SourceRefused for a missing one now, not when the job runs."""
    if is_table(source):
        split_table(source)
    elif is_remote(source):
        open_remote(source).state()
    else:
        # An absolute path, so that the job runs from any folder.
        return str(locate(source))
    return source


def upload_name(upload: File) -> str:
    """Return the storage's name for an upload. Each upload has a folder of its own, so none replaces another."""
    # The prefix keeps `get_valid_filename` from raising where nothing of the name is valid.
    valid = get_valid_filename(f"_{Path(upload.name or '').name}")[1:]
    name = valid.encode()[-UPLOAD_BYTES:].decode(errors="ignore")
    return (
        f"{conf.UPLOADS.rstrip('/')}/{uuid.uuid4().hex}/{f'upload{name}' if name[:1] in ('', '.') else name}"
    )


def keep_upload(source: str, upload: File) -> str:
    """Store an upload and return its source name. Raises SourceRefused if the storage fails."""
    alias, name = split_remote(source)
    try:
        stored_name = storage_called(source, alias).save(name, upload)
    except Exception as error:  # a storage may raise anything that its client library raises
        raise SourceRefused(
            f'The upload "{Path(name).name}" cannot be stored: {first_line(error)}'
        ) from error
    return f"{STORAGE_PREFIX}{alias}/{stored_name}"


def refuse_enormous(upload: File) -> None:
    """Raise SourceRefused for an upload that is larger than the spool may be."""
    if upload.size > conf.SPOOL_MAX_BYTES:
        raise SourceRefused(
            f'The upload "{upload.name}" has {upload.size:,} bytes, more than the {conf.SPOOL_MAX_BYTES:,} allowed; '
            f'raise IMPORTER["SPOOL_MAX_BYTES"] if that is right.'
        )


def _refuse_options_of_others(
    source: str, file_format: str, encoding: str, delimiter: str, dialect: dict[str, Any], sheet: str
) -> None:
    """Refuse options that would change nothing."""
    if file_format not in WORKBOOKS:
        if sheet:
            raise SourceRefused(f'The source "{source}" has no sheets; leave "{sheet}" out.')
        return
    given = [name for name in OF_TEXT if dialect.get(name)]
    given += ["delimiter"] * bool(delimiter) + ["encoding"] * (encoding not in ("", "utf-8"))
    if given:
        raise SourceRefused(
            f'The source "{source}" is a workbook, which has no {given[0].replace("_", " ")}; leave it out.'
        )


def _refuse_misfits(source: str, file_format: str, name: str) -> None:
    if is_table(source) != (file_format == DataImportJob.Format.TABLE):
        kind = "a table" if is_table(source) else "a file"
        raise SourceRefused(f'The source "{source}" is {kind}; its format cannot be "{file_format}".')
    longest = DataImportJob._meta.get_field("name").max_length or 0
    if len(name) > longest:
        raise SourceRefused(f'The name "{name[:40]}…" has {len(name)} characters; use at most {longest}.')
