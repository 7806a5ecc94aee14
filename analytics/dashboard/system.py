"""Collects the content of the page about the site itself: import jobs and caches."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from analytics.calendar import time_of_day
from analytics.panels.caches import CacheFigures, cache_figures, have_figures
from analytics.panels.import_jobs import ImportJob, import_jobs
from analytics.rights import rights_of


@dataclass(frozen=True, slots=True)
class SystemPage:
    """What this user may see. `imports` is None without the right, or without the importer."""

    imports: list[ImportJob] | None
    caches: list[CacheFigures]
    as_of: str


def system_page(user: Any) -> SystemPage:
    imports = import_jobs(user) if rights_of(user).imports else None
    return SystemPage(imports, cache_figures(), time_of_day(dt.datetime.now(dt.UTC)))


def has_system(user: Any) -> bool:
    """Tell whether the page has anything to show."""
    return have_figures() or rights_of(user).imports
