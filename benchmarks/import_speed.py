"""Measures the speed and memory of an import, against `\\copy` of the same records, already clean.

    python -m benchmarks.import_speed --records 1000000 --workers 2

Prints one line per way and its ratio to `\\copy` with one stream; `--json FILE` keeps the figures, `--memory FILE` the
resident size of all the importer's processes over time, twice per second.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from benchmarks.records import write_contacts
from cortex.embedded.postgres import EmbeddedPostgres

PROJECT = Path(__file__).resolve().parent.parent
TABLE = "contacts_contact"
COLUMNS = "legacy_id,email,first_name,last_name,role,status,company_id,joined,balance,notes"
# Records for `bulk_create`: it is slow, and its rate does not depend on their number.
ORM_RECORDS = 100_000
CLEAN = """
    COPY (SELECT {columns} FROM {table} ORDER BY legacy_id) TO STDOUT (FORMAT csv)
"""


@dataclass(frozen=True, slots=True)
class Figure:
    way: str
    records: int
    seconds: float
    ratio: float = 1.0
    peak_memory_mb: float = 0.0

    @property
    def rate(self) -> float:
        return self.records / self.seconds


class Benchmark:
    def __init__(self, folder: Path, server: EmbeddedPostgres, records: int) -> None:
        self.folder = folder
        self.url = server.url
        self.records = records
        self.source = folder / "contacts.csv"
        self.clean = folder / "clean.csv"
        self.psql = [
            str(server._program("psql")),
            self.url,
            "--no-psqlrc",
            "--quiet",
            "--set",
            "ON_ERROR_STOP=1",
        ]
        self.environment = os.environ | {
            "BENCHMARK_DATABASE_URL": self.url,
            "BENCHMARK_FOLDER": str(folder),
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "PYTHONPATH": str(PROJECT),
        }
        self.memory: list[tuple[float, float]] = []
        self.last_job = ""

    def sql(self, *statements: str) -> str:
        commands = [part for statement in statements for part in ("--command", statement)]
        done = subprocess.run(
            [*self.psql, "--tuples-only", *commands], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "django", *arguments]
        return subprocess.run(
            command, check=True, env=self.environment, stdout=subprocess.PIPE, text=True
        ).stdout

    def prepare(self) -> None:
        self.manage("migrate", "--run-syncdb", "--verbosity", "0")
        self.sql(
            "INSERT INTO contacts_company (code) SELECT 'C' || lpad(n::text, 4, '0') FROM generate_series(0, 499) n"
        )
        write_contacts(self.source, self.records)
        self.run_import("contacts", workers=2)
        with self.clean.open("wb") as file:
            copy = CLEAN.format(columns=COLUMNS, table=TABLE)
            subprocess.run([*self.psql, "--command", copy], check=True, stdout=file)

    def empty(self) -> None:
        self.sql(f"TRUNCATE {TABLE}", f"VACUUM ANALYZE {TABLE}", "CHECKPOINT")

    def copy(self) -> Figure:
        self.empty()
        began = time.monotonic()
        self.sql(f"\\copy {TABLE} ({COLUMNS}) FROM '{self.clean}' (FORMAT csv)")
        return Figure("\\copy, one stream", self.records, time.monotonic() - began)

    def copy_and_upsert(self) -> Figure:
        """Measures the reference for updates: existing records, all of them changed."""
        self.sql(f"UPDATE {TABLE} SET notes = 'old'", f"VACUUM ANALYZE {TABLE}", "CHECKPOINT")
        assignments = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS.split(",")[1:])
        began = time.monotonic()
        self.sql(
            f"CREATE TEMP TABLE fresh AS SELECT {COLUMNS} FROM {TABLE} WITH NO DATA",
            f"\\copy fresh FROM '{self.clean}' (FORMAT csv)",
            f"INSERT INTO {TABLE} ({COLUMNS}) SELECT {COLUMNS} FROM fresh "
            f"ON CONFLICT (legacy_id) DO UPDATE SET {assignments}",
        )
        return Figure("\\copy + ON CONFLICT DO UPDATE", self.records, time.monotonic() - began)

    def importer(self, workers: int) -> Figure:
        self.empty()
        return self.run_import("contacts", workers=workers)

    def importer_fresh(self, workers: int) -> Figure:
        self.empty()
        return self.run_import("contacts", "--fresh", workers=workers)

    def importer_upsert(self, workers: int) -> Figure:
        self.sql(f"UPDATE {TABLE} SET notes = 'old'", f"VACUUM ANALYZE {TABLE}", "CHECKPOINT")
        return self.run_import("contacts-upsert", workers=workers)

    def run_import(self, spec: str, *options: str, workers: int) -> Figure:
        job = self.last_job = self.manage("create_import", spec, str(self.source)).strip()
        began = time.monotonic()
        with self.watching_memory() as memory:
            answer = self.manage(
                "run_import", job, "--workers", str(workers), "--json", "--no-progress", *options
            )
        seconds = time.monotonic() - began
        result = json.loads(answer.splitlines()[-1])
        assert (result["read"], result["rejected"]) == (self.records, 0), result
        peak = max((size for _, size in memory), default=0.0)
        return Figure(
            " ".join([f"run_import {spec}, {workers} workers", *options]),
            self.records,
            seconds,
            peak_memory_mb=round(peak, 1),
        )

    def verify(self) -> Figure:
        """Measures how long the verification of the last import takes."""
        began = time.monotonic()
        with self.watching_memory() as memory:
            answer = json.loads(self.manage("verify_import", self.last_job, "--json"))
        seconds = time.monotonic() - began
        assert (answer["signed_off"], answer["matched"]) == (True, self.records), answer
        peak = max((size for _, size in memory), default=0.0)
        return Figure("verify_import", self.records, seconds, peak_memory_mb=round(peak, 1))

    def bulk_create(self, *, clean: bool) -> Figure:
        self.empty()
        records = min(self.records, ORM_RECORDS)
        seconds = float(self.manage_orm(records, clean=clean))
        return Figure("bulk_create" + (" after clean_fields" if clean else ""), records, seconds)

    def manage_orm(self, records: int, *, clean: bool) -> str:
        command = [
            sys.executable,
            "-m",
            "benchmarks.bulk_create",
            str(self.clean),
            str(records),
            str(int(clean)),
        ]
        return subprocess.run(
            command, check=True, env=self.environment, stdout=subprocess.PIPE, text=True
        ).stdout

    @contextmanager
    def watching_memory(self) -> Iterator[list[tuple[float, float]]]:
        """Samples the resident size of this process's children, without psql. The server is not a child."""
        seen: list[tuple[float, float]] = []
        over = threading.Event()
        began = time.monotonic()

        def watch() -> None:
            while not over.wait(0.5):
                seen.append((round(time.monotonic() - began, 1), round(children_mb(), 1)))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            over.set()
            thread.join()
            self.memory = seen


def children_mb() -> float:
    total = 0
    for child in psutil.Process().children(recursive=True):
        try:
            if "python" in child.name():
                total += child.memory_info().rss
        except psutil.Error:
            continue
    return total / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--no-orm", action="store_true", help="leave out bulk_create")
    parser.add_argument("--no-upsert", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--memory", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="import-speed-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with EmbeddedPostgres(folder / "postgres", durable=True) as server:
            benchmark = Benchmark(folder, server, options.records)
            benchmark.prepare()
            figures = measure(benchmark, options)
    report(figures, options, benchmark.memory)


def measure(benchmark: Benchmark, options: argparse.Namespace) -> list[Figure]:
    reference = benchmark.copy()
    show(reference)
    figures = [reference]
    figures += [show(_against(benchmark.importer(workers), reference)) for workers in options.workers]
    figures.append(show(_against(benchmark.verify(), reference)))
    figures.append(show(_against(benchmark.importer_fresh(options.workers[-1]), reference)))
    if not options.no_upsert:
        upsert = show(benchmark.copy_and_upsert())
        figures.append(upsert)
        figures.append(show(_against(benchmark.importer_upsert(options.workers[-1]), upsert)))
    if not options.no_orm:
        figures += [show(_against(benchmark.bulk_create(clean=clean), reference)) for clean in (False, True)]
    return figures


def _against(figure: Figure, reference: Figure) -> Figure:
    return Figure(
        figure.way,
        figure.records,
        figure.seconds,
        round(figure.rate / reference.rate, 3),
        figure.peak_memory_mb,
    )


def show(figure: Figure) -> Figure:
    memory = f"{figure.peak_memory_mb:>7.0f} MB" if figure.peak_memory_mb else ""
    print(f"{figure.way:42} {figure.rate:>10,.0f} records/s  {figure.ratio:>6.2f}  {memory}", flush=True)
    return figure


def report(figures: list[Figure], options: argparse.Namespace, memory: list[tuple[float, float]]) -> None:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    if options.json:
        options.json.write_text(
            json.dumps({"machine": machine, "figures": [asdict(f) for f in figures]}, indent=1)
        )
    if options.memory:
        options.memory.write_text("seconds,mb\n" + "".join(f"{second},{size}\n" for second, size in memory))


if __name__ == "__main__":  # workers are spawned
    main()
