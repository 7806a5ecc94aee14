"""Manages the folder for copies and unpacked sources, and names the files of a job in it."""

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

# A job that failed or was stopped may be resumed. It finds its copy for this long, and makes another one afterwards.
KEPT = dt.timedelta(days=7)


def spool_folder() -> Path:
    """Return the folder, created for this account alone if it is missing.

    Raises SourceRefused if it belongs to another account or others may write to it: they could replace the source's
    records by their own.
    """
    folder = Path(conf.SPOOL_DIR)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = os.lstat(folder)
    except OSError as error:
        raise SourceRefused(
            f'The spool "{folder}" cannot be created: {error.strerror}; set IMPORTER["SPOOL_DIR"].'
        ) from None
    trouble = ""
    if not stat.S_ISDIR(status.st_mode):
        trouble = "is a link, not a folder"
    elif status.st_uid not in (os.geteuid(), 0):
        trouble = f"belongs to another account ({status.st_uid})"
    elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        trouble = f"is writable by others (mode {stat.S_IMODE(status.st_mode):o})"
    if trouble:
        raise SourceRefused(
            f'The spool "{folder}" {trouble}; restrict it to your account (chmod 700), or set IMPORTER["SPOOL_DIR"].'
        )
    return folder


def prefix_of(job: DataImportJob) -> str:
    return f"{_site()}-{job.pk}-"


def _site() -> str:
    """Identify the site by its database: another site may share the folder and have a job of the same id."""
    database = connections[ledger_alias()].settings_dict
    place = "\0".join(str(database.get(key, "")) for key in ("HOST", "PORT", "NAME"))
    return hashlib.sha256(place.encode()).hexdigest()[:12]


def remove_spool(job: DataImportJob, *, but: Path | None = None) -> None:
    """Remove the job's files, for all states of its source, except `but`."""
    for path in Path(conf.SPOOL_DIR).glob(f"{prefix_of(job)}*"):
        if path != but:
            path.unlink(missing_ok=True)


def clean_spool() -> int:
    """Remove the files of this site's jobs that are completed, deleted, or ended long ago, and return their number."""
    # Before the query for jobs, so that a job that starts meanwhile has no files in this list.
    files = list(Path(conf.SPOOL_DIR).glob(f"{_site()}-*"))
    status = DataImportJob.Status
    ended_long_ago = Q(status__in=(status.STOPPED, status.FAILED), finished_at__lt=timezone.now() - KEPT)
    resumable = DataImportJob.objects.exclude(Q(status=status.COMPLETED) | ended_long_ago)
    prefixes = tuple(map(prefix_of, resumable.only("pk")))
    left_behind = [path for path in files if not path.name.startswith(prefixes)]
    for path in left_behind:
        path.unlink(missing_ok=True)
    return len(left_behind)
