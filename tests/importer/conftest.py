"""Provides fixtures of the importer's tests: a readable folder, and a run from text to result."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cortex.embedded.postgres import EmbeddedPostgres
from importer import ImportResult, run_import
from importer.jobs import create_job
from importer.models import DataImportJob
from tests.importer.private_site import PrivateSite

# Records of runs that are killed or frozen: enough for several chunks.
DISTURBED_RECORDS = 12_000


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """A folder that imports may read from."""
    settings.IMPORTER = {"SOURCE_ROOTS": [str(tmp_path)], "SPOOL_DIR": str(tmp_path / "spool")}
    return tmp_path


Importing = Callable[..., tuple[DataImportJob, ImportResult]]


@pytest.fixture
def importing(folder: Path) -> Importing:
    """Write a source, create a job for it and run it: in this process, unless a test asks for workers."""

    def run(spec: str, text: str | bytes, *, name: str = "source.csv", **options: Any) -> Any:
        source = folder / name
        source.write_bytes(text if isinstance(text, bytes) else text.encode())
        wanted = {key: options.pop(key) for key in ("format", "encoding", "delimiter") if key in options}
        job = create_job(spec, str(source), **wanted)
        if not options.get("workers"):
            options.setdefault("executor", "inline")
        result = run_import(job, **options)
        job.refresh_from_db()
        return job, result

    return run


@pytest.fixture(scope="session")
def private_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSite]:
    """A site with its own server and fifty companies, driven by commands, whose processes may be killed."""
    folder = tmp_path_factory.mktemp("private-site")
    for parent in (folder, folder.parent):
        parent.chmod(0o711)  # for the account under which root runs its servers
    with EmbeddedPostgres(folder / "postgres", durable=False) as server:
        site = PrivateSite(server, folder)
        site.manage("migrate", "--run-syncdb", "--verbosity", "0")
        site.sql("INSERT INTO crm_company (code, name) SELECT 'C' || n, 'x' FROM generate_series(1, 50) n")
        yield site
        site.close()


@pytest.fixture(scope="module")
def source(private_site: PrivateSite) -> Path:
    """Contacts in order; some are invalid, and some repeat, near and far from each other."""
    randomness = random.Random(1)
    lines = ["legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance"]
    for number in range(1, DISTURBED_RECORDS + 1):
        identity = randomness.randrange(1, number) if number > 50 and number % 97 == 0 else number
        role = "nobody" if number % 89 == 0 else "User"
        day = "02/30/2020" if number % 83 == 0 else "02/28/2020"
        lines.append(f'{identity},c{number}@example.com,"Na, me",{role},C{number % 50 + 1},{day},{number}.5')
        if number % 501 == 0:
            lines.append(f"{number},too,short")
    path = private_site.folder / "contacts.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def undisturbed(private_site: PrivateSite, source: Path) -> tuple[object, list[int]]:
    private_site.sql("TRUNCATE crm_contact")  # all modules share the site, and others leave contacts behind
    job = private_site.create_job(source)
    private_site.run(job, "--executor", "inline")
    return private_site.state_of(job)
