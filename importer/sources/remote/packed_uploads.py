"""Packs several uploads of one job into an archive, so that a job has one upload: one owner, one retention."""

import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from django.core.files import File

from importer.budget import refuse_parts
from importer.conf import MEGABYTE, conf
from importer.exceptions import SourceRefused
from importer.sources.names import FORMATS

# An archive up to this size is built in memory.
IN_MEMORY = 8 * MEGABYTE


def packed(uploads: Sequence[File]) -> File:
    """Return a zip archive of the uploads, not compressed. Raises SourceRefused."""
    refuse_parts(len(uploads))
    names = [Path(upload.name or "").name for upload in uploads]
    total = sum(upload.size for upload in uploads)
    if total > conf.SPOOL_MAX_BYTES:
        raise SourceRefused(
            f"The uploads have {total:,} bytes together, more than the {conf.SPOOL_MAX_BYTES:,} allowed; "
            f'raise IMPORTER["SPOOL_MAX_BYTES"] if that is right.'
        )
    for number, name in enumerate(names):
        if name in names[:number]:
            raise SourceRefused(f'Two files are called "{name}"; rename one.')
    file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 (the storage reads and closes it)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, upload in zip(names, uploads, strict=True):
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                for block in upload.chunks():
                    member.write(block)
    size = file.tell()
    file.seek(0)
    archive_file = File(file, name=_name(names))
    archive_file.size = size
    return archive_file


def _name(names: Sequence[str]) -> str:
    """Return the archive's name, which tells the format of its files if theirs do."""
    suffix = Path(names[0]).suffix.lower()
    return f"{len(names)}-files{suffix if suffix in FORMATS else ''}.zip"
