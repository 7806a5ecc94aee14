"""The wheels: the three apps together and each alone, with their type information, and nothing of the site."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.paths import PROJECT

APPS = {"analytics", "importer", "tracking"}


def files_of_wheel(project: Path, folder: Path) -> list[str]:
    build = [
        sys.executable,
        "-P",
        "-m",
        "hatchling",
        "build",
        "--target",
        "wheel",
        "--directory",
        str(folder),
    ]
    subprocess.run(build, cwd=project, capture_output=True, check=True)
    (wheel,) = folder.glob("*.whl")
    return [name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name]


def metadata(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    return found


def test_the_wheel_holds_the_three_apps_each_marked_as_typed(tmp_path: Path) -> None:
    files = files_of_wheel(PROJECT, tmp_path)

    assert {name.split("/")[0] for name in files} == APPS
    assert {name for name in files if name.endswith("py.typed")} == {f"{app}/py.typed" for app in APPS}
    assert not [name for name in files if name.endswith("pyproject.toml")]


@pytest.mark.parametrize("app", sorted(APPS))
def test_an_app_alone_holds_what_it_holds_in_the_wheel_of_all(app: str, tmp_path: Path) -> None:
    together = {name for name in files_of_wheel(PROJECT, tmp_path / "all") if name.startswith(f"{app}/")}

    assert set(files_of_wheel(PROJECT / app, tmp_path / "alone")) == together


def test_an_app_alone_requires_what_its_extra_requires() -> None:
    of_all = metadata(PROJECT)
    extras = of_all["optional-dependencies"]
    for app in APPS:
        alone = metadata(PROJECT / app)
        others = [name for name in alone["dependencies"] if not name.startswith("django-cortex-")]
        assert alone["version"] == of_all["version"]
        assert others == [*of_all["dependencies"], *extras[app]], app
