"""A site that has prefixed the importer's tables imports, reports and undoes like any other."""

from collections.abc import Iterator

import pytest

from cortex.embedded.postgres import EmbeddedPostgres
from tests.importer.private_site import PrivateSite


@pytest.fixture
def prefixed_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSite]:
    folder = tmp_path_factory.mktemp("prefixed-site")
    for parent in (folder, folder.parent):
        parent.chmod(0o711)  # for the account under which root runs its servers
    with EmbeddedPostgres(folder / "postgres", durable=False) as server:
        site = PrivateSite(server, folder, importer={"TABLE_PREFIX": "site_"})
        site.manage("migrate", "--run-syncdb", "--verbosity", "0")
        yield site
        site.kill_all()
        site.close()


def test_an_import_from_beginning_to_end(prefixed_site: PrivateSite) -> None:
    site = prefixed_site
    source = site.folder / "companies.csv"
    source.write_text("code,name\n" + "".join(f"C{n},x\n" for n in range(400)) + "far-too-long-a-code,x\n")
    job = site.manage("create_import", "companies", str(source)).strip()

    told = site.manage("run_import", job, "--workers", "2", "--no-progress")
    report = site.manage("import_report", job)
    dry_run = site.manage(
        "run_import", site.manage("create_import", "companies", str(source)).strip(), "--dry-run"
    )
    undone = site.manage("undo_import", job, "--no-input")

    assert "401 read = 400 inserted" in told
    assert "1 x code: max_length" in report
    assert "401 would be rejected" in dry_run
    assert "400 rows deleted" in undone
    assert site.sql("SELECT count(*) FROM site_data_import_jobs") == [(2,)]
