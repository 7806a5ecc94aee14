"""Commands that write personal data to files: the importer's `export_rejects`, tracking's `export_user_events`."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

import importer.rejects.private_file
import tracking.privacy.private_file
from cortex.models import User
from importer.models import DataImportJob, StagingRecord

pytestmark = pytest.mark.django_db(transaction=True)
Write = Callable[[Path], None]


@pytest.fixture(params=["export_rejects", "export_user_events"])
def write(request: pytest.FixtureRequest) -> Write:
    """Runs one of the commands, which writes its file."""
    job = DataImportJob.objects.create(spec="users", source="x.csv", format="csv", columns=["EMAIL_ADDR"])
    StagingRecord.objects.create(job=job, line=1, raw={"EMAIL_ADDR": "canary"})
    User.objects.create_user("canary@example.com")
    who = str(job.pk) if request.param == "export_rejects" else "canary@example.com"
    return lambda path: call_command(request.param, who, output=path)


@pytest.fixture(autouse=True)
def _no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_the_file_is_its_owners_alone(write: Write, tmp_path: Path) -> None:
    write(tmp_path / "out")

    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_replaced_and_not_written_into(write: Write, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    (tmp_path / "out").chmod(0o666)
    with (tmp_path / "out").open() as reader_of_before:
        write(tmp_path / "out")

        assert reader_of_before.read() == "old"
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600
    assert "old" not in (tmp_path / "out").read_text()


def test_nothing_is_written_through_a_link(write: Write, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("of somebody else")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "dangling").symlink_to(tmp_path / "not-there")

    for name in ("link", "dangling"):
        with pytest.raises(
            CommandError, match=r"^[^\n]*cannot be written: it is a symbolic link; name the file"
        ):
            write(tmp_path / name)

    assert (tmp_path / "target").read_text() == "of somebody else"
    assert not (tmp_path / "not-there").exists()


def test_a_place_that_takes_no_file_is_told_in_one_line(write: Write, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    for place in ("pipe", ".", "no/such/folder"):
        with pytest.raises(CommandError, match=r'^"[^\n]*" cannot be written: [^\n]*\.$'):
            write(tmp_path / place)

    assert {path.name for path in tmp_path.iterdir()} & {".part-"} == set()


def test_both_apps_have_the_same_module() -> None:
    ours, theirs = (
        Path(module.__file__).read_text()
        for module in (importer.rejects.private_file, tracking.privacy.private_file)
    )

    assert ours == theirs


@pytest.mark.parametrize("module", [importer.rejects.private_file, tracking.privacy.private_file])
def test_what_breaks_off_leaves_the_file_of_before_and_no_other(module: Any, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")

    with pytest.raises(ZeroDivisionError):
        break_off(module, tmp_path / "out")

    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out", "old")]


def break_off(module: Any, path: Path) -> None:
    with module.private_file(path) as file:
        file.write("half")
        raise ZeroDivisionError
