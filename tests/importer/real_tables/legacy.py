"""Makes tables with SQL and models over them, as `inspectdb` does, and fills them by hand and by an import."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, models, transaction
from django.test.utils import isolate_apps

from importer import ImportResult, Lookup, ModelImport, run_import
from importer.exceptions import ImporterError
from importer.jobs import create_job
from importer.models import StagingRecord
from importer.specs.registry import temporarily

Record = dict[str, str]
REFUSALS = (ValidationError, ValueError, TypeError, DatabaseError)


@dataclass(frozen=True)
class Filled:
    """What is in the table, row by row as text, and the lines that were rejected, with their codes."""

    rows: list[str]
    rejected: dict[int, str] = field(default_factory=dict)


@dataclass
class Legacy:
    """A table and an unmanaged model over it."""

    model: type[models.Model]
    sql: str
    key: tuple[str, ...]
    lookups: dict[str, Lookup] = field(default_factory=dict)

    @property
    def table(self) -> str:
        return connection.ops.quote_name(self.model._meta.db_table)

    def make_anew(self) -> None:
        execute(self.sql)

    def rows(self) -> list[str]:
        return [row[0] for row in execute(f"SELECT t::text FROM {self.table} AS t ORDER BY 1")]

    def by_hand(self, records: Sequence[Record], *, on_conflict: str = "reject") -> Filled:
        """Fill the table with `full_clean()` and `save()`, one record after the other."""
        rejected = {}
        for line, record in enumerate(records, 2):
            try:
                with transaction.atomic():
                    self._save(record, on_conflict)
            except REFUSALS:
                rejected[line] = ""
        return Filled(self.rows(), rejected)

    def _save(self, record: Record, on_conflict: str) -> None:
        values: dict[str, Any] = {name: text or None for name, text in record.items()}
        identity = {name: values[name] for name in self.key}
        row = self.model._base_manager.filter(**identity).first() if on_conflict != "reject" else None
        is_skipped = row is not None and on_conflict == "skip"
        row = row or self.model()
        for name, value in values.items():
            f: Any = self.model._meta.get_field(name)
            if isinstance(f, models.JSONField) and value is not None:
                value = json.loads(value)
            setattr(row, name, "" if value is None and f.empty_strings_allowed and not f.null else value)
        row.full_clean()
        row.save()
        # What cannot be saved is refused, although it would be skipped.
        transaction.set_rollback(is_skipped)

    def by_import(
        self, records: Sequence[Record], folder: Path, *, on_conflict: str = "reject", **options: Any
    ) -> Filled:
        """Fill the table with an import in this process. `count(*)` must be what the result says."""
        before = len(self.rows())
        result = self.run(records, folder, on_conflict=on_conflict, **options)
        assert result.status == "completed", result
        assert len(self.rows()) == before + result.inserted, result
        rejected = StagingRecord.objects.filter(job=result.job, state="rejected")
        return Filled(self.rows(), {record.line: record.errors[0]["code"] for record in rejected})

    def run(
        self, records: Sequence[Record], folder: Path, *, on_conflict: str = "reject", **options: Any
    ) -> ImportResult:
        source = folder / "records.csv"
        source.write_text(as_csv(records))
        with temporarily(self.spec(on_conflict)):
            return run_import(create_job("legacy", str(source)), **{"executor": "inline"} | options)

    def spec(self, on_conflict: str) -> type[ModelImport]:
        meta = {"model": self.model, "name": "legacy", "key": self.key, "on_conflict": on_conflict}
        return type("LegacyImport", (ModelImport,), {"Meta": type("Meta", (), meta), **self.lookups})

    def refusal(self, folder: Path, records: Sequence[Record], *, on_conflict: str = "reject") -> str:
        """Return the line with which an import ends before its first record."""
        try:
            result = self.run(records, folder, on_conflict=on_conflict)
        except ImporterError as error:
            return str(error)
        assert (result.status, result.read) == ("failed", 0), result
        return result.reason


@contextmanager
def legacy(
    sql: str,
    *,
    key: tuple[str, ...] = (),
    constraints: Sequence[models.BaseConstraint] = (),
    rules: type = object,
    **fields: models.Field,  # type: ignore[type-arg]
) -> Iterator[Legacy]:
    """Make the table `legacy` with SQL, and a model with these fields over it. Both are gone after the block.

    `rules`: a class whose `clean()` the model inherits.
    """
    with isolate_apps("tests.importer.samples.order"):
        names = {"managed": False, "db_table": "legacy", "app_label": "order", "constraints": constraints}
        bases = (models.Model,) if rules is object else (rules, models.Model)
        model = type("Legacy", bases, {"__module__": __name__, "Meta": type("Meta", (), names), **fields})
        made = Legacy(model, f"DROP TABLE IF EXISTS legacy CASCADE; {sql}", key)
        made.make_anew()
        try:
            yield made
        finally:
            execute("DROP TABLE IF EXISTS legacy CASCADE")


@contextmanager
def changed(sql: str, undo: str) -> Iterator[None]:
    """Change the database within the block, such as by a trigger."""
    execute(sql)
    try:
        yield
    finally:
        execute(undo)


def execute(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def as_csv(records: Sequence[Record]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


@contextmanager
def as_clerk() -> Iterator[None]:
    """Act as a role that is no superuser, for which row-level security counts."""
    execute("DO $$ BEGIN CREATE ROLE legacy_clerk; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO legacy_clerk")
    execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO legacy_clerk")
    execute("SET ROLE legacy_clerk")
    try:
        yield
    finally:
        execute("RESET ROLE")
