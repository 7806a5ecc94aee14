"""Whatever a source says of itself, a worker with a limit of 1 GB reads it to its end, or refuses it in one line."""

import json
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.importer.poison import KINDS, write
from tests.importer.private_site import PrivateSite

MEGABYTE = 1024**2
MOST = 1024 * MEGABYTE
pytestmark = pytest.mark.timeout(120)
# The commands, one after the other in one process: to start each would take longer than what they do. What is measured
# is resident memory, by which containers are killed. Limits of address space do not tell: Polars and its threads
# reserve 800 MB before the first record, and keep addresses of what they have given back. There is one all the same,
# so that a test that fails does not take the machine with it.
COMMANDS = """
import io, json, sys, time
from django.core.management import CommandError, call_command
from importer.models import DataImportJob, StagingRecord

def run(source, options):
    said, began = io.StringIO(), time.monotonic()
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
        return job.status, code, line, sorted(rejected), time.monotonic() - began
    except CommandError as error:
        return "refused", error.returncode, str(error), [], time.monotonic() - began

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
        out, err = process.communicate(json.dumps(sources), timeout=110)
    finally:
        process.kill()
        watcher.join()
    print("\n".join(line[:400] for line in out.splitlines()))
    assert (process.returncode, err) == (0, ""), err[-2_000:]
    return [json.loads(line) for line in out.splitlines()], max(peaks)


def _watch(process: "subprocess.Popen[str]", peaks: list[int]) -> None:
    while process.poll() is None:
        with suppress(psutil.Error):
            family = [psutil.Process(process.pid)]
            family += family[0].children(recursive=True)
            peaks.append(sum(member.memory_info().rss for member in family))
        time.sleep(0.02)


def options_of(name: str) -> list[str]:
    found = re.match(r"utf-\d+(-le)?", name)
    return ["--encoding", found[0]] if found else []


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_outlives_every_poison(site: PrivateSite, kind: str) -> None:
    poisons = KINDS[kind]()
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
