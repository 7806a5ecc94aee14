"""The image's recipe. It cannot be built here; that what it takes suffices is shown by `test_site.py`."""

import re

from tests.deploy.compose import PROJECT

RECIPE = (PROJECT / "Dockerfile").read_text()
LAST_STAGE = RECIPE[RECIPE.rindex("\nFROM ") :]


def test_every_image_it_builds_on_is_pinned() -> None:
    images = re.findall(r"^FROM (\S+)", RECIPE, re.MULTILINE)

    assert len(images) == 3
    for image in images:
        assert re.search(r":\d+\.\d+\.\d+-", image), image


def test_it_installs_what_the_site_runs_on_and_no_tool_of_development() -> None:
    assert re.findall(r"requirements\S*\.txt", RECIPE) == ["requirements.txt", "requirements.txt"]
    assert "apt-get" not in RECIPE


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
