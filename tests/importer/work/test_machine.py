"""There are as many worker processes as processors that the container may use."""

import subprocess
import sys
from pathlib import Path

import pytest

from importer.work import machine


@pytest.mark.parametrize(
    ("told", "most"), [("50000 100000", 1), ("100000 100000", 1), ("150000 100000", 2), ("max 100000", 1_000)]
)
def test_a_container_has_the_processors_that_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, most: int
) -> None:
    monkeypatch.setattr(machine, "CPU_MAX", tmp_path / "cpu.max")
    without_a_limit = machine.processors()
    (tmp_path / "cpu.max").write_text(f"{told}\n")

    assert machine.processors() == min(most, without_a_limit)


def test_memory_counts_workers_and_what_they_start() -> None:
    holds_100_mb = "x = bytes(range(256)) * 400_000; print(flush=True); input()"
    before = machine.resident_mb()

    with subprocess.Popen(
        ["sh", "-c", f"{sys.executable} -S -c '{holds_100_mb}'; exit 3"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as shell:  # fmt: skip
        assert shell.stdout
        shell.stdout.readline()
        during = machine.resident_mb()
        shell.communicate(b"\n")

    assert shell.returncode == 3
    assert 95 < during - before < 140
