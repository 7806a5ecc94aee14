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


WHOLE = tuple(sorted(path.stem for path in SUITE.glob("suite_*.py")))
# By default one host passes the whole suite, and each other one what its wiring changes; `pytest -m long` has the rest.
PARTS = {
    "plain": WHOLE,
    "atomic": ("suite_places", "suite_transactions"),
    "allauth": ("suite_allauth", "suite_delivery", "suite_logins"),
    "tokens": ("suite_logins", "suite_tokens"),
    "psycopg_2": ("suite_logins", "suite_places", "suite_transactions"),
}


@pytest.mark.parametrize(
    ("host", "parts"),
    [
        *(pytest.param(host, parts, id=host) for host, parts in PARTS.items()),
        *(pytest.param(host, WHOLE, id=f"{host}, whole", marks=pytest.mark.long) for host in list(PARTS)[1:]),
    ],
)
def test_a_host_site_passes_the_suite(host: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    files = [str(SUITE / f"{part}.py") for part in parts]
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
