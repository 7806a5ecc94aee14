"""Imports the same file as django-import-export does, from the file to the rows, some records of it invalid.

    python -m benchmarks.beside_import_export [--records 3000 100000]

django-import-export takes the steps of its page in the admin: a preview, which imports and rolls back, then the import.
The importer takes those of its own pages: look at the file, check, import. Figures count from when Django has started.
Needs `pip install django-import-export`.
"""

import argparse
import csv
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django

from benchmarks.import_speed import Benchmark
from cortex.embedded.postgres import EmbeddedPostgres

COLUMNS = (
    "legacy_id",
    "email",
    "first_name",
    "last_name",
    "role",
    "status",
    "company",
    "joined",
    "balance",
    "notes",
)
COMPANIES = 50
BAD = (("email", "nobody"), ("joined", "30.02.2024"), ("balance", "much"), ("company", "none"))


def records(count: int, *, are_clean: bool) -> Iterator[dict[str, Any]]:
    """Yield customers. Every 25th has an invalid value: an address, a date, an amount, a company, in turn."""
    for n in range(1, count + 1):
        record = dict(zip(COLUMNS, (
            n, f"c{n}@example.com", "Ann", "Adams", "user", "active", f"C{n % COMPANIES}",
            f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}", f"{n % 9000}.50", "",
        ), strict=True))  # fmt: skip
        if not are_clean and n % 25 == 0:
            name, value = (
                ("email", "nobody"),
                ("joined", "30.02.2024"),
                ("balance", "much"),
                ("company", "none"),
            )[n // 25 % 4]
            record[name] = value
        yield record


def write(path: Path, count: int, *, are_clean: bool) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(records(count, are_clean=are_clean))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.monotonic()
    answer = work()
    return time.monotonic() - began, answer


def with_import_export(path: Path) -> str:
    """Preview and import as the package's page does. Returns times, and what it says."""
    import tablib
    from import_export.fields import Field
    from import_export.resources import ModelResource
    from import_export.widgets import ForeignKeyWidget

    from benchmarks.contacts.models import Company, Contact

    class ContactResource(ModelResource):
        company = Field(attribute="company", column_name="company", widget=ForeignKeyWidget(Company, "code"))

        class Meta:
            model = Contact
            import_id_fields = ("legacy_id",)
            fields = COLUMNS
            clean_model_instances = True

    resource = ContactResource()
    dataset = tablib.Dataset().load(path.read_text(), format="csv")
    preview, result = timed(lambda: resource.import_data(dataset, dry_run=True, raise_errors=False))
    bad = Counter(type(error.error).__name__ for row in result.error_rows for error in row.errors)
    bad.update({"ValidationError": len(result.invalid_rows)})
    told = ", ".join(f"{number:,} {name}" for name, number in bad.items() if number)
    if result.has_errors() or result.has_validation_errors():
        return f"preview {preview:.1f} s, then no way on: {told}; {Contact.objects.count():,} rows"
    seconds, _ = timed(lambda: resource.import_data(dataset, dry_run=False, raise_errors=True))
    return f"preview {preview:.1f} s, import {seconds:.1f} s; {Contact.objects.count():,} rows"


def with_importer(path: Path) -> str:
    """Look at the file, check and import as the pages do. Returns times, and what they say."""
    from benchmarks.contacts.models import Contact
    from importer.jobs import create_job
    from importer.rejects.report import make_report
    from importer.run.run import run_import
    from importer.suggest.mapping import job_options, keep
    from importer.suggest.suggestion import suggest
    from importer.write.sample import Sample

    look, suggestion = timed(lambda: suggest(str(path), Contact))
    options = suggestion.spec_options()
    assert {*options["fields"], *options["lookups"]} == {*COLUMNS}, suggestion.doubts()
    mapping = keep(path.stem, Contact, suggestion.file.columns, options)

    def job() -> Any:
        return create_job(mapping.spec_name, str(path), **job_options(mapping))

    check, _ = timed(lambda: run_import(job(), dry_run=True, sample=Sample()))
    made = job()
    seconds, _ = timed(lambda: run_import(made))
    told = ", ".join(
        f"{family.records:,} {family.where}: {family.code}" for family in make_report(made).families
    )
    times = f"look {look:.1f} s, check {check:.1f} s, import {seconds:.1f} s"
    return f"{times}; {Contact.objects.count():,} rows; {told or 'no rejects'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, nargs="+", default=[3_000, 100_000])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="beside-import-export-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with EmbeddedPostgres(folder / "postgres", durable=True) as server:
            benchmark = Benchmark(folder, server, 0)
            os.environ |= {
                k: v for k, v in benchmark.environment.items() if k.startswith(("BENCHMARK", "DJANGO"))
            }
            benchmark.manage("migrate", "--run-syncdb", "--verbosity", "0")
            django.setup()
            benchmark.sql(
                f"INSERT INTO contacts_company (code) SELECT 'C' || n FROM generate_series(0, {COMPANIES - 1}) n"
            )
            for count in options.records:
                for are_clean in (True, False):
                    path = folder / f"{count}-{'clean' if are_clean else 'messy'}.csv"
                    write(path, count, are_clean=are_clean)
                    print(path.stem, flush=True)
                    for label, way in (
                        ("django-import-export", with_import_export),
                        ("importer", with_importer),
                    ):
                        benchmark.sql(
                            "TRUNCATE contacts_contact", "VACUUM ANALYZE contacts_contact", "CHECKPOINT"
                        )
                        print(f"  {label:22}{way(path)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
