"""Making jobs."""

from typing import Any

from importer import ledger
from importer.exceptions import SourceRefused
from importer.lookups import refuse_unknown_paths
from importer.models import DataImportJob
from importer.registry import get_spec
from importer.source import guess_format, is_table, locate, split_table
from importer.spool import is_bytewise

DELIMITERS = {"tab": "\t", "\\t": "\t"}


def create_job(
    spec: str,
    source: str,
    *,
    format: str | None = None,  # noqa: A002 (the option's name, and the column's)
    encoding: str = "utf-8",
    delimiter: str = "",
    name: str = "",
    created_by: Any = None,
) -> DataImportJob:
    """A job that is ready to run. Raises UnknownSpec, MappingRefused, SourceRefused."""
    refuse_unknown_paths(get_spec(spec))
    file_format = format or guess_format(source)
    _refuse_misfits(source, file_format, name)
    delimiter = DELIMITERS.get(delimiter, delimiter)
    if delimiter and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0'):
        raise SourceRefused(
            f"The delimiter {delimiter!r} is none; it must be one ASCII character other than a quote."
        )
    is_bytewise(encoding)
    if is_table(source):
        split_table(source)
    else:
        # Kept whole, so that the job runs from any folder.
        source = str(locate(source))
    job = DataImportJob.objects.create(
        spec=spec, source=source, format=file_format, encoding=encoding, delimiter=delimiter, name=name,
        created_by=created_by,
    )  # fmt: skip
    ledger.log(job, "created")
    return job


def _refuse_misfits(source: str, file_format: str, name: str) -> None:
    if is_table(source) != (file_format == DataImportJob.Format.TABLE):
        kind = "a table" if is_table(source) else "a file"
        raise SourceRefused(f'The source "{source}" is {kind}, which cannot have the format "{file_format}".')
    longest = DataImportJob._meta.get_field("name").max_length or 0
    if len(name) > longest:
        raise SourceRefused(
            f'The name "{name[:40]}…" has {len(name)} characters; it must have {longest} at most.'
        )
