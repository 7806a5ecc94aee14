"""Measures how an import scales over workers on other machines: processes that take chunks from the queue.

    python -m benchmarks.import_scale [--records 2000000] [--machines 1 2 4]

Needs nothing: brings its own PostgreSQL. Beside the rates, what each record cost: microseconds of a processor, of
PostgreSQL and of Python, and bytes of WAL. Python's share goes to the machines of the workers; PostgreSQL's says where
one server ends.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.import_speed import Benchmark, Figure
from cortex.embedded.postgres import EmbeddedPostgres

WORKER = ("-m", "django", "procrastinate", "worker", "--queues", "imports", "--concurrency", "1")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--machines", type=int, nargs="+", default=[1, 2, 4])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="import-scale-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with EmbeddedPostgres(folder / "postgres", durable=True) as server:
            benchmark = Benchmark(folder, server, options.records)
            benchmark.prepare()
            first = 0.0
            for number in options.machines:
                figure, cost = measure(benchmark, number)
                first = first or figure.rate
                print(
                    f"{number} workers: {figure.rate:>9,.0f} records/s, {figure.rate / first:.2f} of the first; "
                    f"a record costs PostgreSQL {cost['postgres']:.1f} µs, Python {cost['python']:.1f} µs, "
                    f"{cost['wal']:,.0f} bytes of WAL",
                    flush=True,
                )


def measure(benchmark: Benchmark, number: int) -> tuple[Figure, dict[str, float]]:
    benchmark.empty()
    with machines(benchmark, number):
        job = benchmark.manage("create_import", "contacts", str(benchmark.source)).strip()
        wal = wal_bytes(benchmark)
        began = time.monotonic()
        with processor_seconds() as spent:
            benchmark.manage("run_import", job, "--executor", "workers", "--no-progress")
        seconds = time.monotonic() - began
    cost = {kind: total / benchmark.records * 1e6 for kind, total in spent.items()}
    cost["wal"] = (wal_bytes(benchmark) - wal) / benchmark.records
    return Figure(f"{number} workers", benchmark.records, seconds), cost


def wal_bytes(benchmark: Benchmark) -> int:
    return int(benchmark.sql("SELECT pg_current_wal_lsn() - '0/0'"))


@contextmanager
def machines(benchmark: Benchmark, number: int) -> Iterator[None]:
    """Starts workers, and returns when they wait for work."""
    started = [
        subprocess.Popen([sys.executable, *WORKER], env=benchmark.environment, stderr=subprocess.DEVNULL)
        for _ in range(number)
    ]
    time.sleep(3.0)
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=30)


@contextmanager
def processor_seconds() -> Iterator[dict[str, float]]:
    """Returns the processor seconds of all PostgreSQL and Python processes, including the benchmark's own few."""
    found = {"postgres": 0.0, "python": 0.0}
    spent: dict[int, tuple[str, float]] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.25):
            for process in psutil.process_iter(["name", "cpu_times"]):
                name = process.info["name"] or ""
                kind = next((kind for kind in found if name.startswith(kind)), "")
                times = process.info["cpu_times"]
                if kind and times:
                    spent[process.pid] = kind, times.user + times.system

    before = {process.pid: sum(process.cpu_times()[:2]) for process in psutil.process_iter(["name"])}
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        for pid, (kind, total) in spent.items():
            found[kind] += total - before.get(pid, 0.0)


if __name__ == "__main__":
    main()
