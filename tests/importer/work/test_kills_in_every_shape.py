"""Models as sites have them: killed at any moments, in any way, a job ends as if undisturbed.

`test_every_shape` proves that the undisturbed table is that of a loop in the source's order.
"""

import csv
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.shapes.records import RECORDS
from cortex.embedded.postgres import EmbeddedPostgres
from tests.importer.private_site import REJECTED, PrivateSite
from tests.importer.work.damaged_records import damaged
from tests.importer.work.test_kills import kill

KILLS = int(os.environ.get("IMPORTER_KILLS", "1"))
pytestmark = pytest.mark.timeout(240 + 60 * KILLS)
COUNT = 600
# Shapes that are other records, or another spec, of the same model.
TABLES = {"chain": "tree", "update": "twokeys"}
SPECS = {"chain": "tree", "update": "twokeys-update"}
TREE = "SELECT t.code, t.name, p.code FROM shapes_tree t LEFT JOIN shapes_tree p ON p.id = t.parent_id ORDER BY 1"
WAYS = {
    "one worker": ("--workers", "1"),
    "two workers": ("--workers", "2"),
    "four workers": ("--workers", "4"),
    "fresh": ("--workers", "2", "--fresh"),
}
# A job that looks its parents up in the same table, or that changes rows, refuses --fresh.
NOT_FRESH = {"tree", "chain", "update"}
# Each of these leads through other code; the rest is for `make test-long`.
SHORT = {
    ("plain", "one worker"),
    ("twokeys", "fresh"),
    ("tree", "two workers"),
    ("period", "two workers"),
    ("shouted", "four workers"),
    ("update", "two workers"),
}
CASES = [
    pytest.param(shape, way, marks=[] if (shape, way) in SHORT else pytest.mark.long)
    for shape in RECORDS
    for way in WAYS
    if way != "fresh" or shape not in NOT_FRESH
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSite]:
    folder = tmp_path_factory.mktemp("shapes-site")
    for parent in (folder, folder.parent):
        parent.chmod(0o711)  # for the account under which root runs its servers
    with EmbeddedPostgres(folder / "postgres", durable=False) as server:
        site = PrivateSite(server, folder, settings="tests.importer.shapes_settings")
        site.manage("migrate", "--run-syncdb", "--verbosity", "0")
        yield site
        site.kill_all()
        site.close()


def written(site: PrivateSite, shape: str) -> Path:
    """Write the shape's damaged records; those of a tree from the last one to the first, so that children precede."""
    records = damaged(shape, COUNT)
    path = site.folder / f"{shape}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, records[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(reversed(records) if shape == "tree" else records)
    return path


def prepare(site: PrivateSite, shape: str) -> None:
    """Empty the table; before an update, put in rows that differ from the records."""
    table = f"shapes_{TABLES.get(shape, shape)}"
    site.sql(f"TRUNCATE {table} CASCADE")
    if shape == "update":
        site.sql(
            f"INSERT INTO {table} (code, name, email, amount, day) SELECT 'C' || lpad(n::text, 8, '0'), 'before', "
            f"'p' || n + 1 || '@example.com', 1, '2000-01-01' FROM generate_series(1, {COUNT}, 2) n"
        )


def state_of(site: PrivateSite, shape: str, job: int) -> tuple[object, object]:
    """What an import has left: the rows, by values that do not depend on their numbers, and the rejected lines."""
    table = TABLES.get(shape, shape)
    rows = (
        TREE if table == "tree" else f"SELECT (to_jsonb(t) - 'id')::text FROM shapes_{table} AS t ORDER BY 1"
    )
    return site.sql(rows), site.sql(REJECTED, job)


@pytest.mark.parametrize(("shape", "way"), CASES)
def test_killed_at_any_moment(site: PrivateSite, shape: str, way: str) -> None:
    seed = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(10**6)
    print(f"SEED={seed}")
    randomness = random.Random(seed)
    source = written(site, shape)
    prepare(site, shape)
    undisturbed = site.create_job(source, SPECS.get(shape, TABLES.get(shape, shape)))
    assert site.run(undisturbed, "--executor", "inline")["rejected"] > 10
    expected = state_of(site, shape, undisturbed)

    for _ in range(KILLS):
        batch = randomness.choice([1, 7, 10_000])
        site.importer = dict.fromkeys(("BATCH_SIZE_MIN", "BATCH_SIZE_INITIAL", "BATCH_SIZE_MAX"), batch)
        site.importer |= {"CHUNK_BYTES": randomness.choice([1_000, 10_000]), "LEASE_SECONDS": 1}
        prepare(site, shape)
        job = site.create_job(source, SPECS.get(shape, TABLES.get(shape, shape)))
        kills = 0
        for _ in range(3):
            process = site.start("run_import", str(job), "--no-progress", *WAYS[way])
            time.sleep(randomness.uniform(0.3, 1.3))
            kills += kill(process, randomness.choice(["coordinator", "worker", "both"]))
            process.communicate()
        if site.sql("SELECT status FROM data_import_jobs WHERE id = %s", job) != [("completed",)]:
            assert site.run(job, *WAYS[way])["status"] == "completed"

        assert state_of(site, shape, job) == expected, f"SEED={seed}, {kills} kills, batches of {batch}"
