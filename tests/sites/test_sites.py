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
# These need more packages than all other sites together, and one of them an older Django.
LARGE = ("oscar_shop", "wagtail_site")
SITES = tuple(
    sorted({path.stem.removeprefix("suite_") for path in SUITE.glob("suite_*.py")} - {"themed", *LARGE})
)


@pytest.mark.parametrize("site", SITES)
def test_a_site_records_what_happened(site: str, tmp_path: Path) -> None:
    run_suite(site, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("theme", THEMES)
def test_pages_keep_the_theme_of_the_admin(theme: str, tmp_path: Path) -> None:
    run_suite("themed", tmp_path, HOST_THEME=theme)


@pytest.fixture(scope="module")
def large_python() -> str:
    """Return the Python of an environment of its own, and make it if it is missing."""
    folder = PROJECT / ".local" / "sites"
    python = folder / "bin" / "python"
    requirements = PROJECT / "requirements-sites.txt"
    mark = folder / requirements.name
    if not mark.exists() or mark.read_text() != requirements.read_text():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
        mark.write_text(requirements.read_text())
    return str(python)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("site", LARGE)
def test_a_large_site_records_what_happened(site: str, tmp_path: Path, large_python: str) -> None:
    run_suite(site, tmp_path, python=large_python)


def run_suite(site: str, folder: Path, *, python: str = sys.executable, **environment: str) -> None:
    # Without the configuration of this project's own tests, which a large site's environment cannot load.
    options = ["-p", "no:cacheprovider", "-q", "-c", os.devnull, "--rootdir", ".", "--confcutdir", str(SUITE)]
    done = subprocess.run(
        [python, "-m", "pytest", *options, f"--ds=tests.sites.hosts.{site}", str(SUITE / f"suite_{site}.py")],
        cwd=PROJECT,
        env=os.environ | {"HOST_SPOOL": str(folder / "spool")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
