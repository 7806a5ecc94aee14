"""Tests that third-party sites, on SQLite and without cortex, need only the documented lines."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import PROJECT


@pytest.mark.parametrize(
    ("host", "suite"),
    [
        ("host", "suite_foreign_site"),
        ("host", "suite_languages"),
        ("uuid_host", "suite_other_users"),
        ("otp_host", "suite_second_factor"),
    ],
)
def test_a_host_site_passes_the_suite(tmp_path: Path, host: str, suite: str) -> None:
    options = ["-p", "no:cacheprovider", "-p", "no:xdist", "-q", f"--ds=tests.analytics.{host}.settings"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"tests/analytics/suite/{suite}.py"],
        cwd=PROJECT,
        env=os.environ | {"HOST_SPOOL": str(tmp_path / "spool")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
