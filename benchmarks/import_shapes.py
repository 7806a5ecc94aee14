r"""Measures imports into models and from files as sites have them.

    python -m benchmarks.import_shapes [--records 50000] [--only small models files] [--shapes period person]
        [--sources Parquet MariaDB]

Each model is filled from the same CSV by `run_import`, with one worker and with two, and by the lines that anybody
writes by hand (`benchmarks/shapes/by_hand.py`): `Model(**row)`, `full_clean()`, `bulk_create()`. Then `\copy` takes the
same rows, already clean. Each file and each table of another database holds the records of `plain` and is compared with
the clean CSV. A figure counts from when Django has started; beside it, the microseconds of a processor that a record
cost Python and PostgreSQL, the start included.
"""

import argparse
import csv
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import polars as pl
import psycopg

from benchmarks.import_scale import processor_seconds
from benchmarks.import_speed import Benchmark
from benchmarks.shapes.records import RECORDS, Record, records
from cortex.embedded.postgres import EmbeddedPostgres

Lines = list[str]
PARTS = ["small", "models", "files"]
WORKERS = (1, 2)
SMALL, SMALL_RUNS = 1_000, 5
# Shapes that are other records, or another spec, of the same model.
TABLES = {"chain": "tree", "update": "twokeys"}
SPECS = {"chain": "tree", "update": "twokeys-update"}
# By hand a rate does not depend on the number of records; what asks for the parent of each one takes minutes.
BY_HAND, ONE_BY_ONE = 50_000, 5_000


class Shapes:
    def __init__(self, benchmark: Benchmark) -> None:
        self.benchmark = benchmark
        self.count = benchmark.records
        self.folder = benchmark.folder

    def prepare(self) -> None:
        self.benchmark.manage("migrate", "--run-syncdb", "--verbosity", "0")

    # Small files

    def small(self) -> None:
        """Compare whole commands, because people import small files most of the time."""
        write_csv(self.folder / "small.csv", records("plain", SMALL))
        for _ in range(SMALL_RUNS):
            check = self.whole("check")
            self.empty("plain")
            seconds = self.whole("run_import", self.job("plain", self.folder / "small.csv"), "--no-progress")
            print(
                f"  {SMALL:,} records: {seconds:.2f} s, manage.py check: {check:.2f} s, {seconds / check:.2f} times"
            )

    def whole(self, *command: str) -> float:
        began = time.monotonic()
        self.benchmark.manage(*command)
        return time.monotonic() - began

    # Models

    def model(self, shape: str) -> None:
        path, table = self.folder / f"{shape}.csv", TABLES.get(shape, shape)
        write_csv(path, records(shape, self.count))
        some = min(self.count, ONE_BY_ONE if table == "tree" else BY_HAND)
        write_csv(self.folder / "some.csv", records(shape, some))
        self.empty(table)
        by_hand = self.timed("by hand", lambda: self.by_hand(table, self.folder / "some.csv"), some)
        for workers in WORKERS:
            self.empty(table)
            if shape == "update":  # every second record is there, and differs
                self.run_import(self.job(table, path))
                self.benchmark.sql(f"UPDATE shapes_{table} SET name = 'before' WHERE id % 2 = 0")
            work = partial(self.run_import, self.job(SPECS.get(shape, table), path), workers)
            rate = self.timed(f"run_import, {workers} workers", work)
            print(f"{'':34}{rate / by_hand:>6.2f} times by hand", flush=True)
        copied = self.timed("\\copy, one stream", lambda: self.copy(table))
        print(f"{'':34}{copied / by_hand:>6.2f} times by hand", flush=True)

    def empty(self, table: str) -> None:
        self.benchmark.sql(f"TRUNCATE shapes_{table} CASCADE", f"VACUUM ANALYZE shapes_{table}", "CHECKPOINT")

    def copy(self, table: str) -> float:
        """Copy the rows that an import has made out of the table, and measure how long it takes to copy them in."""
        file = self.folder / "rows.csv"
        self.benchmark.sql(f"\\copy (SELECT * FROM shapes_{table} ORDER BY id) TO '{file}' (FORMAT csv)")
        self.empty(table)
        began = time.monotonic()
        self.benchmark.sql(f"\\copy shapes_{table} FROM '{file}' (FORMAT csv)")
        return time.monotonic() - began

    def by_hand(self, shape: str, path: Path) -> float:
        command = [sys.executable, "-m", "benchmarks.shapes.by_hand", shape, str(path)]
        done = subprocess.run(
            command, check=True, env=self.benchmark.environment, stdout=subprocess.PIPE, text=True
        )
        return float(done.stdout)

    def job(self, spec: str, source: Path | str, *options: str) -> str:
        return self.benchmark.manage("create_import", spec, str(source), *options).strip()

    def run_import(self, job: str, workers: int = 1) -> float:
        answer = self.benchmark.manage(
            "run_import", job, "--workers", str(workers), "--json", "--no-progress"
        )
        result = json.loads(answer.splitlines()[-1])
        assert result["read"] >= self.count, result
        return float(result["seconds"])

    def timed(self, way: str, work: Callable[[], float], count: int = 0) -> float:
        """Return how many records a second the work takes, of `count` (0: all)."""
        count = count or self.count
        with processor_seconds() as spent:
            rate = count / work()
        cost = ", ".join(f"{kind} {total / count * 1e6:.1f} µs" for kind, total in spent.items())
        print(f"  {way:32}{rate:>10,.0f} records/s   {cost}", flush=True)
        return rate

    # Files

    def files(self, names: Sequence[str]) -> None:
        clean = 0.0
        for name in names:
            write, options = SOURCES[name]
            self.empty("plain")
            source = write(self.folder, list(records("plain", self.count)))
            rate = self.timed(name, partial(self.run_import, self.job("plain", source, *options)))
            clean = clean or rate
            print(f"{'':34}{rate / clean:>6.2f} times the clean file", flush=True)


def write_csv(path: Path, rows: Iterator[Record]) -> None:
    first = next(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(first), lineterminator="\n")
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)


def lines_of(rows: list[Record], *, quoted: bool = False) -> Lines:
    """Return the header and the records as CSV. `quoted`: names are texts with commas in quotes, some with newlines."""
    lines = [",".join(rows[0])]
    for number, row in enumerate(rows):
        name = (
            f'"{row["name"]}, ""Q"" and{chr(10) if number % 50 == 0 else " "}more"' if quoted else row["name"]
        )
        lines.append(",".join([row["code"], name, *list(row.values())[2:]]))
    return lines


Writer = Callable[[Path, list[Record]], Path | str]


def text_file(
    *, quoted: bool = False, each: int = 0, damage: Callable[[str], str] = lambda line: line
) -> Writer:
    """Return a writer of CSV files in which every n-th record is damaged."""

    def write(folder: Path, rows: list[Record]) -> Path:
        lines = lines_of(rows, quoted=quoted)
        for number in range(each, len(lines), each) if each else ():
            lines[number] = damage(lines[number])
        return written(folder / "file.csv", lines)

    return write


def written(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def dialect(delimiter: str, *, quote: str = "") -> Writer:
    def write(folder: Path, rows: list[Record]) -> Path:
        lines = [delimiter.join(rows[0])]
        lines += [delimiter.join(f"{quote}{value}{quote}" for value in row.values()) for row in rows]
        return written(folder / "file.txt", lines)

    return write


def json_lines(folder: Path, rows: list[Record]) -> Path:
    return written(folder / "file.jsonl", [json.dumps(row) for row in rows])


def parquet(folder: Path, rows: list[Record]) -> Path:
    pl.DataFrame(rows).write_parquet(folder / "file.parquet")
    return folder / "file.parquet"


def sqlite(folder: Path, rows: list[Record]) -> str:
    path = folder / "legacy.sqlite"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE items (code TEXT PRIMARY KEY, name TEXT, email TEXT, amount TEXT, day TEXT)"
        )
        connection.executemany(
            "INSERT INTO items VALUES (?, ?, ?, ?, ?)", [tuple(row.values()) for row in rows]
        )
    return "db:legacy/items"


TYPED_TABLE = (
    "CREATE TABLE items (code varchar(20) PRIMARY KEY, name varchar(80), email varchar(254), "
    "amount numeric(10, 2), day date)"
)


def typed_parquet(folder: Path, rows: list[Record]) -> Path:
    typed = pl.DataFrame(rows).with_columns(
        pl.col("amount").cast(pl.Decimal(10, 2)), pl.col("day").str.to_date()
    )
    typed.write_parquet(folder / "file.parquet")
    return folder / "file.parquet"


def postgres(folder: Path, rows: list[Record]) -> str:
    with psycopg.connect(os.environ["BENCHMARK_DATABASE_URL"]) as connection:
        connection.execute("DROP TABLE IF EXISTS items")
        connection.execute(TYPED_TABLE)
        with connection.cursor() as cursor, cursor.copy("COPY items FROM STDIN") as copy:
            for row in rows:
                copy.write_row(tuple(row.values()))
        connection.execute("ANALYZE items")
    return "db:default/items"


def mariadb(folder: Path, rows: list[Record]) -> str:
    import pymysql

    with pymysql.connect(unix_socket=os.environ["BENCHMARK_MARIADB"], user="root") as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE OR REPLACE DATABASE legacy CHARACTER SET utf8mb4")
        cursor.execute(TYPED_TABLE.replace("items", "legacy.items"))
        cursor.executemany(
            "INSERT INTO legacy.items VALUES (%s, %s, %s, %s, %s)", [tuple(row.values()) for row in rows]
        )
        connection.commit()
        cursor.execute("ANALYZE TABLE legacy.items")
    return "db:mariadb/items"


SOURCES: dict[str, tuple[Writer, tuple[str, ...]]] = {
    "clean": (text_file(), ()),
    "0.2 % ragged": (text_file(each=500, damage=lambda line: f"{line},more"), ()),
    "1 % ragged": (text_file(each=100, damage=lambda line: f"{line},more"), ()),
    "0.2 % stray quotes": (text_file(each=500, damage=lambda line: line.replace(" ", ' "', 1)), ()),
    "1 % stray quotes": (text_file(each=100, damage=lambda line: line.replace(" ", ' "', 1)), ()),
    "0.2 % too few fields": (text_file(each=500, damage=lambda line: line.rpartition(",")[0]), ()),
    "quoted text": (text_file(quoted=True), ()),
    "quoted text, 0.2 % ragged": (text_file(quoted=True, each=500, damage=lambda line: f"{line},more"), ()),
    "quoted text, 1 % ragged": (text_file(quoted=True, each=100, damage=lambda line: f"{line},more"), ()),
    "delimiter ||": (dialect("||"), ("--delimiter", "||")),
    "delimiter ;, quote '": (dialect(";", quote="'"), ("--delimiter", ";", "--quote", "'")),
    "no quotes": (dialect(","), ("--quote", "none")),
    "backslash escapes": (dialect(","), ("--quote", "none", "--escape", "\\")),
    "JSON lines": (json_lines, ()),
    "Parquet": (parquet, ()),
    "typed Parquet": (typed_parquet, ()),
    "SQLite": (sqlite, ()),
    "PostgreSQL": (postgres, ()),
    "MariaDB": (mariadb, ()),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--shapes", nargs="+", choices=list(RECORDS), default=list(RECORDS))
    parser.add_argument("--sources", nargs="+", choices=list(SOURCES), default=list(SOURCES))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="import-shapes-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with ExitStack() as stack:
            server = stack.enter_context(EmbeddedPostgres(folder / "postgres", durable=True))
            os.environ["BENCHMARK_DATABASE_URL"] = server.url
            if "MariaDB" in options.sources and "files" in options.only:
                from tests.importer.real_tables.databases.servers import mariadb_server

                os.environ["BENCHMARK_MARIADB"] = str(stack.enter_context(mariadb_server()))
            shapes = Shapes(Benchmark(folder, server, options.records))
            shapes.prepare()
            if "small" in options.only:
                print("small", flush=True)
                shapes.small()
            for shape in options.shapes if "models" in options.only else ():
                print(shape, flush=True)
                shapes.model(shape)
            if "files" in options.only:
                print("files", flush=True)
                shapes.files(options.sources)


if __name__ == "__main__":  # workers are spawned
    main()
