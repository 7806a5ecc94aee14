"""Runs `suite/` in four third-party sites, `hosts/`, each wired only by the documented lines.

Each runs in a separate process, because a process has one set of settings and one user model. To run one by hand:

    HOST_SPOOL=/tmp/spool python -m pytest -p no:xdist --ds=tests.tracking.hosts.plain tests/tracking/suite/suite_*.py
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).with_name("suite")
PROJECT = SUITE.parent.parent.parent


@pytest.mark.parametrize("host", ["plain", "atomic", "allauth", "tokens"])
def test_a_host_site_passes_the_suite(host: str, tmp_path: Path) -> None:
    files = sorted(str(path) for path in SUITE.glob("suite_*.py"))
    settings = f"--ds=tests.tracking.hosts.{host}"
    environment = os.environ | {"HOST_SPOOL": str(tmp_path / "spool")}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-q", settings, *files],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
