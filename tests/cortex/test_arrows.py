import subprocess
import sys
from pathlib import Path

from tests.paths import PROJECT


def test_no_app_reaches_for_what_it_must_not_know() -> None:
    lint = Path(sys.executable).with_name("lint-imports")

    result = subprocess.run([lint, "--no-cache"], cwd=PROJECT, capture_output=True, text=True)

    assert result.returncode == 0, result.stdout
