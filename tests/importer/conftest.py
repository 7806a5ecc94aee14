"""What the importer's tests share: a folder that may be read, and a run from text to result."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cortex.embedded import EmbeddedPostgres
from importer import ImportResult, run_import
from importer.jobs import create_job
from importer.models import DataImportJob
from tests.importer.private_site import PrivateSite


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """A folder that imports may read from."""
    settings.IMPORTER = {"SOURCE_ROOTS": [str(tmp_path)], "SPOOL_DIR": str(tmp_path / "spool")}
    return tmp_path


Importing = Callable[..., tuple[DataImportJob, ImportResult]]


@pytest.fixture
def importing(folder: Path) -> Importing:
    """Write a source, make a job for it and run it."""

    def run(spec: str, text: str | bytes, *, name: str = "source.csv", **options: Any) -> Any:
        source = folder / name
        source.write_bytes(text if isinstance(text, bytes) else text.encode())
        wanted = {key: options.pop(key) for key in ("format", "encoding", "delimiter") if key in options}
        job = create_job(spec, str(source), **wanted)
        result = run_import(job, **options)
        job.refresh_from_db()
        return job, result

    return run


@pytest.fixture(scope="session")
def private_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSite]:
    """A site with a server of its own, and fifty companies; to be driven by commands, and to be killed."""
    folder = tmp_path_factory.mktemp("private-site")
    for parent in (folder, folder.parent):
        parent.chmod(0o711)  # for the account that root's servers run as
    with EmbeddedPostgres(folder / "postgres", durable=False) as server:
        site = PrivateSite(server, folder)
        site.manage("migrate", "--run-syncdb", "--verbosity", "0")
        site.sql("INSERT INTO crm_company (code, name) SELECT 'C' || n, 'x' FROM generate_series(1, 50) n")
        yield site
