"""The folder that copies and unpacked sources lie in, and what a job's files in it are called."""

import datetime as dt
import hashlib
import os
import stat
from pathlib import Path

from django.db import connections
from django.db.models import Q
from django.utils import timezone

from importer.conf import conf
from importer.exceptions import SourceRefused
from importer.models import DataImportJob, ledger_alias

# A job that failed or was stopped may go on: it finds its copy for so long, and makes another one after that.
KEPT = dt.timedelta(days=7)


def spool_folder() -> Path:
    """Made where it is missing, for this account alone. Raises SourceRefused where it is another's, or others may
    write to it: they could put records of theirs in place of the source's."""
    folder = Path(conf.SPOOL_DIR)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = os.lstat(folder)
    except OSError as error:
        raise SourceRefused(
            f'The spool "{folder}" cannot be made: {error.strerror}; set IMPORTER["SPOOL_DIR"].'
        ) from None
    trouble = ""
    if not stat.S_ISDIR(status.st_mode):
        trouble = "is a link, and no folder"
    elif status.st_uid not in (os.geteuid(), 0):
        trouble = f"belongs to another account ({status.st_uid})"
    elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        trouble = f"may be written to by others (mode {stat.S_IMODE(status.st_mode):o})"
    if trouble:
        raise SourceRefused(
            f'The spool "{folder}" {trouble}; make it yours alone (chmod 700), or set IMPORTER["SPOOL_DIR"].'
        )
    return folder


def prefix_of(job: DataImportJob) -> str:
    return f"{_site()}-{job.pk}-"


def _site() -> str:
    """Another site may have the same spool, and a job of the same number."""
    database = connections[ledger_alias()].settings_dict
    place = "\0".join(str(database.get(key, "")) for key in ("HOST", "PORT", "NAME"))
    return hashlib.sha256(place.encode()).hexdigest()[:12]


def remove_spool(job: DataImportJob, *, but: Path | None = None) -> None:
    """All that lies there for the job, of whatever state of its source."""
    for path in Path(conf.SPOOL_DIR).glob(f"{prefix_of(job)}*"):
        if path != but:
            path.unlink(missing_ok=True)


def clean_spool() -> int:
    """Remove what lies there for this site's jobs that are done, deleted, or ended long ago; how many files."""
    files = list(
        Path(conf.SPOOL_DIR).glob(f"{_site()}-*")
    )  # before the jobs: one that begins meanwhile has none here
    status = DataImportJob.Status
    ended_long_ago = Q(status__in=(status.STOPPED, status.FAILED), finished_at__lt=timezone.now() - KEPT)
    kept = DataImportJob.objects.exclude(Q(status=status.COMPLETED) | ended_long_ago)
    prefixes = tuple(map(prefix_of, kept.only("pk")))
    left_behind = [path for path in files if not path.name.startswith(prefixes)]
    for path in left_behind:
        path.unlink(missing_ok=True)
    return len(left_behind)
