"""A worker that begins during the survey leaves the table that a single one makes, wherever the survey overtakes it."""

import random
import sys
import threading
from typing import Any

import pytest
from django.db import connections

from importer.models import DataImportJob
from importer.run.watch import Watch
from importer.work.control import Control
from importer.work.worker import Worker
from tests.importer.conftest import Importing
from tests.importer.order.test_source_order import in_plain_django, table
from tests.importer.samples.order.models import Badge
from tests.importer.ways import EXECUTORS, as_csv, sizes

pytestmark = pytest.mark.django_db(transaction=True)

RECORDS = 60


class Ahead:
    """Writes so many batches before the survey, and goes on when it has ended."""

    def __init__(self, batches: int) -> None:
        self.batches = batches
        self.committed = 0
        self.has_written, self.is_surveyed = threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None

    def begin(self, watch: Watch) -> None:
        self.thread = threading.Thread(target=self._work, args=(watch.job.pk,))
        self.thread.start()
        assert self.has_written.wait(10)

    def _work(self, job: int) -> None:
        control = Control()
        control.on_batch(self._after_batch)
        try:
            Worker(DataImportJob.objects.get(pk=job), control, is_ahead=True).drain()
        finally:
            self.has_written.set()
            connections.close_all()

    def _after_batch(self, records: int) -> None:
        self.committed += bool(records)
        if self.committed == self.batches:
            self.has_written.set()
            assert self.is_surveyed.wait(10)


ahead = Ahead(0)


def send_ahead(watch: Watch) -> None:
    ahead.begin(watch)


def execute(watch: Watch) -> None:
    """Write every second chunk, from the last to the first, and leave the others to the worker that is ahead."""
    chunks = list(watch.job.chunks.filter(number__gt=0).order_by("-number").values_list("pk", flat=True))
    for chunk in chunks[::2]:
        Worker(watch.job, Control(), chunk_id=chunk).drain()
    ahead.is_surveyed.set()
    assert ahead.thread
    ahead.thread.join()
    Worker(watch.job, Control()).drain()
    watch.read_ledger()


@pytest.mark.parametrize("spec", ["order.badge", "order.badge-update"])
@pytest.mark.parametrize("batches", [1, 2, 5, 11, 1_000])
def test_what_was_written_before_the_survey_came_first(
    importing: Importing, settings: Any, monkeypatch: pytest.MonkeyPatch, batches: int, spec: str
) -> None:
    randomness = random.Random(batches)
    records = [
        {"code": f"c{randomness.randrange(40)}", "mail": f"m{randomness.randrange(50)}"}
        for _ in range(RECORDS)
    ]
    expected = in_plain_django(Badge, records, key="code" if spec.endswith("update") else "")
    Badge.objects.all().delete()
    sizes(settings, 2)
    settings.IMPORTER |= {"EXECUTORS": EXECUTORS | {"ahead": f"{__name__}.execute"}}
    monkeypatch.setattr(sys.modules[__name__], "ahead", Ahead(batches))

    job, result = importing(spec, as_csv(records), executor="ahead", workers=2)

    assert result.status == "completed"
    assert result.read == RECORDS
    assert ahead.committed >= min(batches, RECORDS // 2)
    assert table(Badge) == expected
    assert job.survey_state == DataImportJob.SurveyState.KEYS_REPEAT
