"""A worker with a limit of 1 GB reads any source to its end, or refuses it with one line."""

import json
import re
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.importer.parse.poison import FEW, KINDS, Poison, write
from tests.importer.private_site import PrivateSite

MEGABYTE = 1024**2
MOST = 1024 * MEGABYTE
pytestmark = pytest.mark.timeout(400)
# The commands, one after the other in one process: to start each would take longer than what they do. What is measured
# is resident memory, by which containers are killed. Limits of address space do not tell: Polars and its threads
# reserve 800 MB before the first record, and keep addresses of what they have given back. There is one all the same,
# so that a test that fails does not take the machine with it.
COMMANDS = """
import io, json, os, sys
from django.core.management import CommandError, call_command
from importer.models import DataImportJob, StagingRecord

def used():
    # Seconds of a processor, of processes that have ended as well: what else the machine does is no fault of a source.
    return sum(os.times()[:4])

def run(source, options):
    said, began = io.StringIO(), used()
    try:
        call_command("create_import", "companies", source, *options, stdout=said)
        job = DataImportJob.objects.get(pk=int(said.getvalue()))
        code, line = 0, ""
        try:
            call_command("run_import", job.pk, "--no-progress", "--executor", "inline", stdout=said, stderr=said)
        except CommandError as error:
            code, line = error.returncode, str(error)
        job.refresh_from_db()
        rejected = {r["errors"][0]["code"] for r in StagingRecord.objects.filter(job=job).values("errors")[:2000]}
        return job.status, code, line, sorted(rejected), used() - began
    except CommandError as error:
        return "refused", error.returncode, str(error), [], used() - began

for source, options in json.load(sys.stdin):
    print(json.dumps([source, *run(source, options)]), flush=True)
"""


@pytest.fixture
def site(private_site: PrivateSite) -> Iterator[PrivateSite]:
    former, private_site.importer = private_site.importer, {
        "CHUNK_BYTES": 8 * 1024**2, "BATCH_SIZE_INITIAL": 2_000, "BATCH_SIZE_MAX": 10_000
    }  # fmt: skip
    private_site.sql("DELETE FROM crm_company WHERE name <> 'x'")
    yield private_site
    private_site.importer = former
    private_site.sql("DELETE FROM crm_company WHERE name <> 'x'")


def import_all(site: PrivateSite, sources: list[tuple[str, list[str]]]) -> tuple[list[list[Any]], int]:
    """How each source ended, and the most memory that the process and those below it had."""
    process = subprocess.Popen(
        [sys.executable, "-m", "django", "shell", "-v", "0", "-c", COMMANDS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=site.environment(),
        cwd=site.folder,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (3 * MOST, 3 * MOST)),
    )
    peaks: list[int] = []
    watcher = threading.Thread(target=_watch, args=[process, peaks])
    watcher.start()
    try:
        out, err = process.communicate(json.dumps(sources), timeout=380)
    finally:
        process.kill()
        watcher.join()
    print("\n".join(line[:400] for line in out.splitlines()))
    assert (process.returncode, err) == (0, ""), err[-2_000:]
    return [json.loads(line) for line in out.splitlines()], max(peaks)


def _watch(process: "subprocess.Popen[str]", peaks: list[int]) -> None:
    """Note every 20 ms what the process has and its children had at most, and what it had alone at most."""
    while process.poll() is None:
        with suppress(OSError):
            # A child has its parent's memory until it runs a program of its own, and that would count twice.
            command = command_of(process.pid)
            children = [child for child in children_of(process.pid) if command_of(child) != command]
            memory = memory_of(process.pid, "VmRSS") + sum(memory_of(child, "VmHWM") for child in children)
            peaks.append(max(memory, memory_of(process.pid, "VmHWM")))
        time.sleep(0.02)


def memory_of(pid: int, name: str) -> int:
    """Return resident memory in bytes, at present ("VmRSS") or at its highest ("VmHWM"); 0 if it has ended."""
    with suppress(OSError):
        found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0
    return 0


def command_of(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def children_of(pid: int) -> list[int]:
    """Return the children of all threads of a process. psutil would read the folders of all processes for it."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += map(int, (thread / "children").read_text().split())
    return found


def options_of(name: str) -> list[str]:
    found = re.match(r"utf-\d+(-le)?", name)
    return ["--encoding", found[0]] if found else []


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_outlives_each_kind_of_poison(site: PrivateSite, kind: str) -> None:
    poisons = KINDS[kind]()
    assert_all_end_well(site, {name: poisons[name] for name in FEW[kind]})


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_outlives_every_poison(site: PrivateSite, kind: str) -> None:
    assert_all_end_well(site, KINDS[kind]())


def assert_all_end_well(site: PrivateSite, poisons: Mapping[str, Poison]) -> None:
    """Import the files, and compare their ends, time and memory with what is expected."""
    folder = site.folder / "poison"
    folder.mkdir(exist_ok=True)
    sources = [
        (str(write(folder, name, content)), options_of(name)) for name, (content, _) in poisons.items()
    ]

    ends, peak = import_all(site, sources)

    for (name, (_, expected)), (_, status, code, line, rejected, seconds) in zip(
        poisons.items(), ends, strict=True
    ):
        assert (status, code) in (("completed", 0), ("failed", 1)), (name, status, line)
        assert len(line.splitlines()) == code, name
        assert "Unexpected" not in line, (name, line)
        assert re.search(expected, line or " ".join(rejected)), (name, line, rejected)
        assert seconds < 20, (name, seconds)
    print(f"{peak / MEGABYTE:,.0f} MB at most")
    assert peak < MOST, f"{peak / MEGABYTE:,.0f} MB"
    for source, _ in sources:
        Path(source).unlink()


POSTGRES = {
    "big_values": """SELECT n AS nr, 'P' || n AS code,
        CASE WHEN mod(n, 50) = 7 THEN repeat('x', 300000000) ELSE 'P' END AS name FROM generate_series(1, 100) n""",
    "big_rows": "SELECT n AS nr, 'R' || n AS code, repeat('x', 5000000) AS name FROM generate_series(1, 60) n",
    "big_json": """SELECT n AS nr, 'J' || n AS code, jsonb_build_array(repeat('x', 5000000 * (1 + mod(n, 5)))) AS name
        FROM generate_series(1, 20) n""",
}
# Columns that are computed when they are read, and take no room in the file.
X = "replace(hex(zeroblob({bytes} / 2)), '00', 'xx')"
SQLITE = [
    f"""CREATE TABLE values_ (nr INTEGER PRIMARY KEY, code TEXT, name TEXT AS
    (CASE WHEN nr % 50 = 7 THEN {X.format(bytes=100_000_000)} ELSE 'S' END))""",
    "INSERT INTO values_ (nr, code) SELECT n, 'S' || n FROM numbers",
    f"CREATE TABLE rows_ (nr INTEGER PRIMARY KEY, code TEXT, name TEXT AS ({X.format(bytes=5_000_000)}))",
    "INSERT INTO rows_ (nr, code) SELECT n, 'T' || n FROM numbers WHERE n < 40",
    "CREATE TABLE wide (nr INTEGER PRIMARY KEY, code TEXT, name TEXT, "
    + ", ".join(f"c{n} TEXT AS ({X.format(bytes=12_000_000)})" for n in range(100))
    + ")",
    "INSERT INTO wide (nr, code) SELECT n, 'W' || n FROM numbers WHERE n < 3",
    "CREATE TABLE blobs (nr INTEGER PRIMARY KEY, code TEXT, name BLOB AS (zeroblob(900000000)))",
    "INSERT INTO blobs (nr, code) SELECT n, 'B' || n FROM numbers WHERE n < 3",
    "CREATE TABLE keys (code TEXT PRIMARY KEY, name TEXT)",
    f"INSERT INTO keys SELECT n || {X.format(bytes=3_000_000)}, 'K' FROM numbers WHERE n < 20",
]
# In place of 100 records, of which two are too long; of those with a code that is too long for its field, none counts.
TABLES = {
    "db:default/big_values": ("record_too_long", 98),
    "db:default/big_rows": ("max_length", 0),
    "db:default/big_json": ("max_length|record_too_long", 0),
    "db:legacy/values_": ("record_too_long", 98),
    "db:legacy/rows_": ("max_length", 0),
    "db:legacy/wide": ("record_too_long", 0),
    "db:legacy/blobs": ("record_too_long", 0),
    "db:legacy/keys": ("has a value of more than 4,000 bytes in its key", 0),
}


@pytest.mark.parametrize(
    "tables",
    [
        pytest.param(("db:default/big_json", "db:legacy/values_", "db:legacy/keys"), id="one of each kind"),
        pytest.param(tuple(TABLES), id="all", marks=pytest.mark.long),
    ],
)
def test_a_worker_outlives_every_table(site: PrivateSite, tables: tuple[str, ...]) -> None:
    for name in (name for name in POSTGRES if f"db:default/{name}" in tables):
        site.sql(f"DROP TABLE IF EXISTS {name}")
        site.sql(f"CREATE TABLE {name} AS {POSTGRES[name]}")
        site.sql(f"ALTER TABLE {name} ADD PRIMARY KEY (nr)")
    (site.folder / "legacy.sqlite").unlink(missing_ok=True)
    with sqlite3.connect(site.folder / "legacy.sqlite") as legacy:
        legacy.execute("CREATE TEMP TABLE numbers AS WITH RECURSIVE n (n) AS "
                       "(SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100) SELECT n FROM n")  # fmt: skip
        for statement in SQLITE:
            legacy.execute(statement)

    ends, peak = import_all(site, [(source, []) for source in tables])

    for source, status, code, line, rejected, seconds in ends:
        expected, inserted = TABLES[source]
        assert (status, code) in (("completed", 0), ("failed", 1)), (source, status, line)
        assert "Unexpected" not in line, (source, line)
        assert re.search(expected, line or " ".join(rejected)), (source, line, rejected)
        found = site.sql("SELECT inserted FROM data_import_jobs WHERE source = %s", source)
        assert found == [(inserted,)], source
        assert seconds < 30, (source, seconds)
    print(f"{peak / MEGABYTE:,.0f} MB at most")
    assert peak < MOST, f"{peak / MEGABYTE:,.0f} MB"
