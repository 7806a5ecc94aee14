"""The wheel: the three apps and their type information, and nothing of the site."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from tests.paths import PROJECT

APPS = {"analytics", "importer", "tracking"}


def test_the_wheel_holds_the_three_apps_each_marked_as_typed(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    files = ZipFile(wheel).namelist()

    assert {name.split("/")[0] for name in files if ".dist-info/" not in name} == APPS
    assert {name for name in files if name.endswith("py.typed")} == {f"{app}/py.typed" for app in APPS}
