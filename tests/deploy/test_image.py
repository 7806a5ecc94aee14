"""The Dockerfile. Without Docker, the tests run its steps one by one."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.compose import PROJECT
from tests.deploy.production import Place, make_image

RECIPE = (PROJECT / "Dockerfile").read_text()
LOCK = (PROJECT / "requirements.lock").read_text()
LAST_STAGE = RECIPE[RECIPE.rindex("\nFROM ") :]


def test_every_image_it_builds_on_is_pinned() -> None:
    images = re.findall(r"^FROM (\S+)", RECIPE, re.MULTILINE)

    assert len(images) == 3
    for image in images:
        assert re.search(r":\d+\.\d+\.\d+-", image), image


def test_it_installs_what_the_site_runs_on_and_no_tool_of_development() -> None:
    assert re.findall(r"requirements\S*", RECIPE) == ["requirements.lock", "requirements.lock"]
    assert "--require-hashes" in RECIPE
    assert "apt-get" not in RECIPE


def test_the_lock_has_what_the_site_asks_for_and_nothing_by_name_alone() -> None:
    locked = dict(re.findall(r"^([a-z0-9.\-]+)==(\S+)", LOCK, re.MULTILINE))
    asked = [
        Requirement(line)
        for line in (PROJECT / "requirements.txt").read_text().splitlines()
        if line and line[0] != "#"
    ]

    for requirement in asked:
        name = canonicalize_name(requirement.name)
        assert requirement.specifier.contains(locked[name]), requirement
    assert len(re.findall(r"^[a-z0-9.\-]+==\S+ \\\n    --hash=sha256:", LOCK, re.MULTILINE)) == len(locked)
    assert "://" not in LOCK


def test_it_ends_as_an_account_that_is_not_root_and_cannot_write_the_code() -> None:
    assert re.findall(r"^USER (\S+)", RECIPE, re.MULTILINE) == ["10001:10001"]
    after = LAST_STAGE[LAST_STAGE.index("USER ") :]
    assert "RUN" not in after
    assert "--chown" not in RECIPE


def test_what_it_copies_is_let_through_to_it() -> None:
    let_through = {
        line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)", RECIPE, re.MULTILINE)
        for source in line.split()[:-1]
    ]

    for source in copied:
        assert (PROJECT / source).exists(), source
        assert any(source == name or source.startswith(f"{name}/") for name in let_through), source


def test_neither_secrets_nor_data_nor_tests_are_let_through() -> None:
    lines = (PROJECT / ".dockerignore").read_text().splitlines()

    for name in (".env", ".git", "secrets", "tests", ".local", ".venv", "deploy"):
        assert f"!{name}" not in lines


@pytest.mark.long  # installs all that the image installs
@pytest.mark.timeout(300)
def test_what_it_installs_and_copies_suffices_to_collect_the_files_and_to_start(
    deployment: Place, tmp_path: Path
) -> None:
    line = re.search(r"^FROM python:(\d+\.\d+)", RECIPE, re.MULTILINE)
    assert line
    found = subprocess.run(
        [str(PROJECT / ".ci/find-python"), line[1], "exactly"], capture_output=True, text=True
    )
    if found.returncode:
        pytest.skip(f"NOT TESTED: there is no Python {line[1]} here, which the image has")
    folder, python = make_image(deployment), tmp_path / "venv/bin/python"
    subprocess.run([found.stdout.strip(), "-m", "venv", str(tmp_path / "venv")], check=True)
    install = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",  # Python compiles what it imports
        "--require-hashes",
        "--requirement",
        str(PROJECT / "requirements.lock"),
    ]
    if (result := subprocess.run(install, capture_output=True, text=True)).returncode:
        pytest.skip(f"NOT TESTED: the packages cannot be had: {result.stderr[-200:]}")
    bare = {"PATH": os.environ["PATH"], "HASHED_STATIC_FILES": "true", "CORTEX_LOCAL_DIR": str(tmp_path)}

    collected = subprocess.run(
        [str(python), "manage.py", "collectstatic", "--noinput"],
        cwd=folder,
        env=bare,
        capture_output=True,
        text=True,
    )
    started = subprocess.run(
        [str(python), "-m", "gunicorn", "--check-config", "cortex.wsgi"],
        cwd=folder,
        env=bare
        | {
            "DATABASE_URL": "postgres://cortex@db/cortex",
            "SECRET_KEY_FILE": str(deployment.secrets / "secret_key"),
        },
        capture_output=True,
        text=True,
    )

    assert collected.returncode == 0, collected.stderr
    assert (folder / "staticfiles/staticfiles.json").exists()
    assert started.returncode == 0, started.stderr
