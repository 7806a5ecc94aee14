"""Whatever is done with jobs, in whatever order: the fates add up, and an undo gives the table of before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from importer import ModelImport, run_import
from importer.exceptions import ImporterError
from importer.jobs import create_job
from importer.models import DataImportJob, StagingRecord
from importer.rejects.export import export_rejects
from importer.rejects.replay import replay_rejects
from importer.rejects.report import make_report
from importer.specs.registry import temporarily
from importer.undo.undo import undo_import
from importer.work.control import Control
from tests.importer.samples.crm.models import Company

Rows = list[tuple[str, str]]
# Few codes, so that most jobs insert, update and repeat.
CODES = st.integers(0, 12)
RECORDS = st.lists(st.tuples(CODES, st.sampled_from(["a", "b", "x" * 200])), min_size=4, max_size=30)
EXAMPLES = int(os.environ.get("IMPORTER_EXAMPLES", "8"))
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120 + 30 * EXAMPLES)]


class CompaniesInAnyOrder(ModelImport):
    class Meta:
        model = Company
        name = "companies-in-any-order"
        key = ("code",)
        on_conflict = "update"
        keep_before = True


@contextmanager
def may_be_refused(*words: str) -> Iterator[None]:
    """Let the importer refuse for one of these reasons."""
    try:
        yield
    except ImporterError as reason:
        if not any(word in str(reason) for word in words):
            raise


def rows() -> Rows:
    return list(Company.objects.order_by("code").values_list("code", "name"))


class Jobs(RuleBasedStateMachine):
    folder: Path

    @initialize(codes=st.sets(CODES, min_size=4))
    def begin(self, codes: set[int]) -> None:
        Company.objects.all().delete()
        DataImportJob.objects.all().delete()
        Company.objects.bulk_create(Company(code=f"C{n}", name="before") for n in codes)
        self.before: Rows = rows()
        self.job: DataImportJob | None = None
        self.source = self.folder / "companies.csv"

    @precondition(lambda self: self.job is None)
    @rule(records=RECORDS)
    def create(self, records: list[tuple[int, str]]) -> None:
        self.before = rows()
        self.source.write_text("code,name\n" + "".join(f"C{n},{name}\n" for n, name in records))
        self.job = create_job("companies-in-any-order", str(self.source))

    @precondition(lambda self: self.job is not None)
    @rule(batches=st.integers(1, 4), dry_run=st.booleans())
    def run(self, batches: int, dry_run: bool) -> None:
        """Run, or resume, and stop after some batches."""
        control = Control()
        left = [batches]

        def count(_: int) -> None:
            left[0] -= 1
            if left[0] <= 0:
                control.stop()

        control.on_batch(count)
        run_import(self.fresh(), executor="inline", control=control, dry_run=dry_run)

    @precondition(lambda self: self.job is not None)
    @rule()
    def run_to_the_end(self) -> None:
        assert run_import(self.fresh(), executor="inline").status == "completed"

    @precondition(lambda self: self.job is not None)
    @rule()
    def change_the_source_for_a_moment(self) -> None:
        text = self.source.read_text()
        self.source.write_text(text + "C99,late\n")
        was_begun = self.fresh().planned_at is not None
        if was_begun and self.fresh().status != "completed":
            assert "changed" in run_import(self.fresh(), executor="inline").reason
        self.source.write_text(text)

    @precondition(lambda self: self.job is not None and StagingRecord.objects.exists())
    @rule()
    def fix_and_replay(self) -> None:
        fixed = self.folder / "fixed.csv"
        with fixed.open("w", newline="") as file:
            export_rejects(self.fresh(), file)
        fixed.write_text(fixed.read_text().replace("x" * 200, "mended"))
        with may_be_refused("has not been run yet"):
            replay_rejects(self.fresh(), str(fixed))

    @precondition(lambda self: self.job is not None)
    @rule(dry_run=st.sampled_from([False, False, True]))
    def undo(self, dry_run: bool) -> None:
        with may_be_refused("has not been run yet"):
            undone = undo_import(self.fresh(), dry_run=dry_run)
            if not dry_run:
                assert undone.is_complete, undone
                assert rows() == self.before
                self.job = None

    @invariant()
    def fates_add_up(self) -> None:
        if getattr(self, "job", None) is None:
            return
        job = self.fresh()
        report = make_report(job)
        assert report.is_balanced
        assert len(rows()) == len(self.before) + report.counts.inserted - job.undone

    def fresh(self) -> DataImportJob:
        assert self.job is not None
        return DataImportJob.objects.get(pk=self.job.pk)


def test_in_any_order(folder: Path, settings: Any) -> None:
    settings.IMPORTER |= {
        "BATCH_SIZE_INITIAL": 3,
        "BATCH_SIZE_MIN": 1,
        "BATCH_SIZE_MAX": 3,
        "CHUNK_BYTES": 40,
    }
    machine = type("JobsOfThisRun", (Jobs,), {"folder": folder})
    with temporarily(CompaniesInAnyOrder):
        run_state_machine_as_test(machine, settings=PROFILE)


PROFILE = settings(
    max_examples=EXAMPLES, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
