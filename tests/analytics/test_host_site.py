"""A site of other people's, on SQLite and with nothing of cortex, shows the dashboard by the documented lines alone."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
SUITE = "tests/analytics/suite/suite_foreign_site.py"


def test_a_host_site_passes_the_suite(tmp_path: Path) -> None:
    options = ["-p", "no:cacheprovider", "-p", "no:xdist", "-q", "--ds=tests.analytics.host.settings"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, SUITE],
        cwd=PROJECT,
        env=os.environ | {"HOST_SPOOL": str(tmp_path / "spool")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
