"""Runs `suite/` in the sites of `hosts/`: small projects on real packages, wired by the documented lines.

Each runs in a process of its own, because a process has one set of settings. To run one by hand:

    HOST_SPOOL=/tmp/spool python -m pytest -p no:xdist --ds=tests.sites.hosts.tokens tests/sites/suite/suite_tokens.py
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import PROJECT

SUITE = Path(__file__).with_name("suite")
THEMES = ("grappelli", "jazzmin", "unfold")
SITES = tuple(sorted({path.stem.removeprefix("suite_") for path in SUITE.glob("suite_*.py")} - {"themed"}))


@pytest.mark.parametrize("site", SITES)
def test_a_site_records_what_happened(site: str, tmp_path: Path) -> None:
    run_suite(site, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("theme", THEMES)
def test_pages_keep_the_theme_of_the_admin(theme: str, tmp_path: Path) -> None:
    run_suite("themed", tmp_path, HOST_THEME=theme)


def run_suite(site: str, folder: Path, **environment: str) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-q"]
    done = subprocess.run(
        [*command, f"--ds=tests.sites.hosts.{site}", str(SUITE / f"suite_{site}.py")],
        cwd=PROJECT,
        env=os.environ | {"HOST_SPOOL": str(folder / "spool")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
