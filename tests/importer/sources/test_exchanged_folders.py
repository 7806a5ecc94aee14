"""A folder that is replaced by a link after a source's path was checked leads nowhere."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.core.files.storage import storages

from importer.budget import Deadline
from importer.exceptions import SourceRefused
from importer.parse.parquet import ParquetReader
from importer.records import Position
from importer.sources.local import locate, open_file
from importer.sources.remote.remote_file import State
from importer.sources.remote.storages import StoredFile

OPENS = 3_000


@pytest.fixture
def exchanging(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Yield a file in a folder below the root that alternates between a folder and a link to one outside."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder, text in ((root / "in" / "deep", "inside"), (outside / "deep", "outside")):
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text(text)
    settings.IMPORTER = {"SOURCE_ROOTS": [str(root)], "SPOOL_DIR": str(tmp_path / "spool")}
    is_over = threading.Event()

    def exchange() -> None:
        while not is_over.is_set():
            os.rename(root / "in", root / "kept")
            os.symlink(outside, root / "in")
            os.unlink(root / "in")
            os.rename(root / "kept", root / "in")
            time.sleep(0)  # the others' turn, while the folder is where it belongs

    thread = threading.Thread(target=exchange)
    thread.start()
    yield root / "in" / "deep" / "a.csv"
    is_over.set()
    thread.join()


def read_again_and_again(read: Callable[[], bytes]) -> set[bytes]:
    """Return the outcomes of thousands of tries, and of more if the folder was away all the time."""
    texts: set[bytes] = set()
    began, tries = time.monotonic(), 0
    while tries < OPENS or (not texts and time.monotonic() - began < 30):
        tries += 1
        with suppress(SourceRefused):
            texts.add(read())
    return texts


def test_no_open_reads_what_lies_outside_of_the_roots(exchanging: Path) -> None:
    def read() -> bytes:
        with open_file(exchanging) as file:
            return file.read()

    texts = read_again_and_again(read)

    assert texts == {b"inside"}


def test_nor_does_one_that_was_located_before(exchanging: Path) -> None:
    def read() -> bytes:
        with open_file(locate(str(exchanging))) as file:
            return file.read()

    texts = read_again_and_again(read)

    assert texts == {b"inside"}


def test_an_upload_in_a_folder_is_opened_the_same_way(exchanging: Path, settings: Any) -> None:
    settings.STORAGES |= {"default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(exchanging.parents[2])},
    }}  # fmt: skip
    stored = StoredFile("storage:default/in/deep/a.csv", storages["default"], "in/deep/a.csv")

    texts = read_again_and_again(lambda: b"".join(stored.blocks(State(6, ""))))

    assert texts == {b"inside"}


@pytest.mark.parametrize("place", ["a.csv", "in/a.csv", "in/deep/a.csv"])
def test_a_link_at_any_place_below_the_root_is_refused(tmp_path: Path, settings: Any, place: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    (outside / "deep").mkdir(parents=True)
    for folder in (outside, outside / "deep"):
        (folder / "a.csv").write_text("outside")
    settings.IMPORTER = {"SOURCE_ROOTS": [str(root)]}
    first = place.split("/")[0]
    (root / first).symlink_to(outside / ("a.csv" if first == place else ""))

    with pytest.raises(SourceRefused, match="cannot be read"):
        open_file(root / place)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_need_not_be_readable_to_be_passed_through(tmp_path: Path, settings: Any) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text("inside")
    settings.IMPORTER = {"SOURCE_ROOTS": [str(tmp_path)]}
    folder.chmod(0o100)

    with open_file(folder / "a.csv") as file:
        assert file.read() == b"inside"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="there is no /proc here")
def test_parquet_is_read_from_the_file_that_was_opened(tmp_path: Path, settings: Any) -> None:
    settings.IMPORTER = {"SOURCE_ROOTS": [str(tmp_path)]}
    path = tmp_path / "a.parquet"
    pl.DataFrame({"code": ["inside"]}).write_parquet(path)
    reader = ParquetReader(path, deadline=Deadline("a.parquet"))
    path.unlink()
    pl.DataFrame({"code": ["outside"]}).write_parquet(path)

    (part,) = reader.ranges()
    batch = reader.read(Position(0, 1), part, limit=10)

    reader.close()
    assert batch.texts.get_column("code").to_list() == ["inside"]
