"""Ends the demo: what was imported, what was rejected and how to see it, the addresses, the accounts."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.urls import reverse

from cortex.demo.accounts import ACCOUNTS, PASSWORD

SITE = "http://127.0.0.1:8000"  # where `make serve` serves it


@dataclass(frozen=True)
class Imported:
    """One file, as `import_report` counts it."""

    file: str
    job: int
    read: int
    rejected: int
    reasons: int  # different fields and codes

    @property
    def imported(self) -> int:
        return self.read - self.rejected


def summary_lines(files: list[Imported]) -> Iterator[str]:
    read, rejected = sum(file.read for file in files), sum(file.rejected for file in files)
    yield f"Imported {read - rejected:,} of {read:,} records and rejected {rejected:,}:"
    yield f"  {'file':<10} {'read':>8} {'imported':>9} {'rejected':>9} {'reasons':>8}   command that explains them"
    for file in files:
        counts = f"{file.read:>8,} {file.imported:>9,} {file.rejected:>9,} {file.reasons:>8}"
        yield f"  {file.file:<10} {counts}   {_manage()} import_report {file.job}"
    yield ""
    yield "To see the site, run `make serve` and open:"
    for what, name in (
        ("dashboard", "analytics:dashboard"),
        ("admin", "admin:index"),
        ("imports", "admin:importer_dataimportjob_changelist"),
        ("rejected records", "admin:importer_stagingrecord_changelist"),
    ):
        yield f"  {what:<18} {SITE}{reverse(name)}"
    yield ""
    yield f'Accounts, all with the password "{PASSWORD}":'
    for account in ACCOUNTS:
        yield f"  {account.role:<18} {account.email}"


def _manage() -> str:
    """As it is called in this folder, with the Python that runs the demo."""
    python = Path(sys.executable)
    if python.is_relative_to(settings.BASE_DIR):
        python = python.relative_to(settings.BASE_DIR)
    return f"{python} manage.py"
