"""Backup and restore drill on a real PostgreSQL with deploy/'s configuration."""

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.compose import PROJECT
from tests.deploy.production import DEPLOY, Database

pytestmark = pytest.mark.timeout(180)
TABLES = """
CREATE TABLE login_events (id bigserial PRIMARY KEY, identifier text, "timestamp" timestamptz NOT NULL);
CREATE TABLE povs (id bigserial PRIMARY KEY, title text, data jsonb);
CREATE INDEX povs_title ON povs (title);
CREATE SCHEMA apart;
CREATE TABLE apart."Strange Name" (id int);
INSERT INTO login_events (identifier, "timestamp")
    SELECT 'person ' || n, '2026-11-25 12:00:00+00'::timestamptz - n * interval '1 minute'
    FROM generate_series(0, 4999) n;
INSERT INTO povs (title, data) SELECT 'Größe ' || n, jsonb_build_object('n', n) FROM generate_series(1, 3000) n;
INSERT INTO apart."Strange Name" VALUES (1), (2);
"""
YOUNGEST = "1795608000"  # 2026-11-25 12:00 UTC
DIGESTS = (
    "SELECT count(*), md5(string_agg(login_events::text, ',' ORDER BY id)) FROM login_events",
    "SELECT count(*), md5(string_agg(povs::text, ',' ORDER BY id)) FROM povs",
)


@dataclass
class Backups:
    database: Database
    folder: Path
    metrics: Path
    scratch: Path
    scripts: Path

    def environment(self, **changes: str) -> dict[str, str]:
        """Runs a script with only the container's variables."""
        secrets = self.database.place.secrets
        return {
            "PATH": self.database.environment["PATH"],
            "LC_ALL": "C.UTF-8",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.database.port),
            "PGUSER": "cortex_backup",
            "PGDATABASE": "cortex",
            "PGPASSWORD_FILE": str(secrets / "database_backup_password"),
            "BACKUP_DIR": str(self.folder),
            "METRICS_DIR": str(self.metrics),
            "SCRATCH_DIR": str(self.scratch),
        } | changes

    def run(self, script: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self.scripts / script)], env=self.environment(**changes), cwd="/", capture_output=True, text=True,
            timeout=120, **self.database.place.account.launch_options,
        )  # fmt: skip

    def start(self, command: list[str], **changes: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            command,
            env=self.environment(**changes),
            cwd="/",
            stderr=subprocess.DEVNULL,
            **self.database.place.account.launch_options,
        )

    def dumps(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*.dump"))

    def newest(self, suffix: str) -> Path:
        return max(self.folder.glob(f"*{suffix}"))

    def metric(self, name: str) -> float | None:
        for file in self.metrics.glob("*.prom"):
            if found := re.search(
                rf"^{name}(?:{{database=\"cortex\"}})? ([\d.]+)$", file.read_text(), re.MULTILINE
            ):
                return float(found[1])
        return None


@pytest.fixture(scope="module")
def filled(database: Database) -> Database:
    with database.connect("cortex") as owner:
        owner.execute(TABLES)
    return database


@pytest.fixture
def backups(filled: Database, request: pytest.FixtureRequest) -> Iterator[Backups]:
    place = filled.place
    scripts = place.folder / "backup-scripts"
    if not scripts.exists():
        scripts.mkdir()
        for file in (DEPLOY / "backup").iterdir():
            copy = scripts / file.name
            copy.write_text(file.read_text())
            copy.chmod(0o755)
    # The path of a socket must be short.
    number = len(list(place.folder.glob("b[0-9]*")))
    root = place.make(f"b{number}")
    yield Backups(filled, *(place.make(f"b{number}/{name}") for name in ("dumps", "metrics", "s")), scripts)
    assert not list(root.glob("s/*")), "the scratch PostgreSQL is not gone"


def test_a_backup_is_made_and_restored_and_is_what_there_was(backups: Backups) -> None:
    began = time.time()

    made = backups.run("backup.sh")
    restored = backups.run("restore_drill.sh")

    assert made.returncode == 0, made.stderr
    assert restored.returncode == 0, restored.stderr
    assert backups.newest(".rows").read_text().splitlines() == [
        "rows apart.Strange Name 2",
        "rows public.login_events 5000",
        "rows public.povs 3000",
        f"last_event {YOUNGEST}",
    ]
    assert "8002 rows\n" in restored.stdout
    assert began - 1 <= (backups.metric("cortex_backup_success_timestamp_seconds") or 0) <= time.time()
    assert began - 1 <= (backups.metric("cortex_restore_drill_success_timestamp_seconds") or 0) <= time.time()
    assert backups.metric("cortex_backup_size_bytes") == backups.newest(".dump").stat().st_size
    assert backups.metric("cortex_checksum_failures") == 0
    assert backups.metric("cortex_restore_drill_rows") == 8002
    assert backups.metric("cortex_restore_drill_last_event_timestamp_seconds") == float(YOUNGEST)


def test_keycloaks_database_is_kept_and_restored_as_well(backups: Backups) -> None:
    with backups.database.connect("keycloak", "keycloak") as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS user_entity AS SELECT n AS id FROM generate_series(1, 7) n")
    backups.run("backup.sh")

    made = backups.run("backup.sh", PGDATABASE="keycloak")
    restored = backups.run("restore_drill.sh")

    assert made.returncode == 0, made.stderr
    assert restored.returncode == 0, restored.stderr
    assert [name.split("-")[0] for name in backups.dumps()] == ["cortex", "keycloak"]
    assert re.search(r"restored and verified cortex-\S+\.dump keycloak-\S+\.dump in", restored.stdout)
    assert "8009 rows\n" in restored.stdout
    assert (backups.metrics / "backup_keycloak.prom").exists()
    rows = backups.newest("keycloak-*.rows")
    rows.write_text(rows.read_text().replace("7", "8"))
    assert "differ from those of the database" in backups.run("restore_drill.sh").stderr


def test_nobody_else_can_read_a_dump(backups: Backups) -> None:
    assert backups.run("backup.sh").returncode == 0

    for path in backups.folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_lost_database_comes_back_with_the_commands_of_the_manual(backups: Backups) -> None:
    database = backups.database
    with database.connect("cortex") as owner:
        before = [owner.execute(digest).fetchone() for digest in DIGESTS]
    assert backups.run("backup.sh").returncode == 0
    environment = os.environ | database.environment
    of_owner = environment | {"PGPASSWORD": database.place.secret("database_password")}

    subprocess.run(["createdb", "--owner=cortex", "returned"], check=True, env=environment)
    rights = [
        "psql",
        "--dbname=returned",
        "--set=ON_ERROR_STOP=1",
        "--file",
        str(DEPLOY / "postgres/rights.sql"),
    ]
    subprocess.run(rights, check=True, env=environment)
    subprocess.run(
        ["pg_restore", "--username=cortex", "--dbname=returned", "--no-owner", "--no-privileges", "--exit-on-error",
         str(backups.newest(".dump"))],
        check=True, env=of_owner,
    )  # fmt: skip

    with database.connect("postgres", "returned") as connection:
        after = [connection.execute(digest).fetchone() for digest in DIGESTS]
        owners = connection.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
    with database.connect("cortex_web", "returned") as site:
        site.execute("INSERT INTO povs (title) VALUES ('after all')")
    assert after == before
    assert owners == [("cortex",)]


# A constraint's function runs during the restore. This one tries to become the connected role with `RESET ROLE`.
TRAP = """
CREATE FUNCTION stays_within() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RESET ROLE;
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE 'restored by a superuser';
    END IF;
    RETURN true;
END $$;
ALTER TABLE povs ADD CONSTRAINT trap CHECK (stays_within());
"""


@pytest.fixture
def trapped(backups: Backups) -> Iterator[Backups]:
    with backups.database.connect("cortex") as owner:
        owner.execute(TRAP)
    yield backups
    with backups.database.connect("cortex") as owner:
        owner.execute("ALTER TABLE povs DROP CONSTRAINT trap; DROP FUNCTION stays_within")


def test_what_a_dump_runs_while_it_is_restored_gets_no_superuser(trapped: Backups) -> None:
    assert trapped.run("backup.sh").returncode == 0

    drilled = trapped.run("restore_drill.sh")

    assert drilled.returncode == 0, drilled.stderr


def test_the_manual_restores_by_the_owner_and_no_superuser() -> None:
    manual = (PROJECT / "docs/operations.md").read_text()
    commands = re.findall(r"pg_restore [^`\n]*", manual)

    assert len(commands) == 2
    for command in commands:
        assert re.search(r"-U (cortex|keycloak)\b", command), command
        assert "--role" not in command


def test_large_objects_of_others_keep_no_backup_from_being_made(backups: Backups) -> None:
    with backups.database.connect() as superuser:
        superuser.execute("SELECT lo_from_bytea(4711, 'of others')")
        try:
            made = backups.run("backup.sh")
        finally:
            superuser.execute("SELECT lo_unlink(4711)")

    assert made.returncode == 0, made.stderr
    assert backups.run("restore_drill.sh").returncode == 0


def test_a_backup_beside_writers_is_of_one_moment(backups: Backups) -> None:
    stop = threading.Event()

    def write() -> None:
        with backups.database.connect("cortex") as owner:
            while not stop.is_set():
                owner.execute("INSERT INTO povs (title) VALUES ('beside')")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = backups.run("backup.sh")
    finally:
        stop.set()
        writer.join()
    restored = backups.run("restore_drill.sh")

    counted = re.search(r"rows public.povs (\d+)", backups.newest(".rows").read_text())
    with backups.database.connect("cortex") as owner:
        now = owner.execute("SELECT count(*) FROM povs").fetchone()
        owner.execute("DELETE FROM povs WHERE title = 'beside'")
    assert made.returncode == 0, made.stderr
    assert restored.returncode == 0, restored.stderr
    assert counted
    assert now
    assert now[0] > int(counted[1])


def test_a_dump_that_was_damaged_fails_the_drill(backups: Backups) -> None:
    backups.run("backup.sh")
    dump = backups.newest(".dump")
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 0xFF
    dump.write_bytes(bytes(content))

    result = backups.run("restore_drill.sh")

    assert result.returncode == 1
    assert "does not match its checksum" in result.stderr
    assert backups.metric("cortex_restore_drill_success_timestamp_seconds") is None


@pytest.mark.parametrize(
    ("was", "is_now"), [("public.povs 3000", "public.povs 3001"), (YOUNGEST, str(int(YOUNGEST) + 60))]
)
def test_rows_that_are_not_those_of_the_database_fail_the_drill(
    backups: Backups, was: str, is_now: str
) -> None:
    backups.run("backup.sh")
    rows = backups.newest(".rows")
    assert was in rows.read_text()
    rows.write_text(rows.read_text().replace(was, is_now))

    result = backups.run("restore_drill.sh")

    assert result.returncode == 1
    assert "differ from those of the database" in result.stderr
    assert was in result.stderr
    assert backups.metric("cortex_restore_drill_success_timestamp_seconds") is None


def test_a_drill_without_a_dump_fails(backups: Backups) -> None:
    result = backups.run("restore_drill.sh")

    assert (result.returncode, result.stderr.strip()) == (
        1,
        f"restore drill: there is no dump in {backups.folder}",
    )


@pytest.mark.parametrize(
    "change", [{"PGPORT": "1"}, {"PGDATABASE": "postgres"}], ids=["no server", "no right"]
)
def test_a_backup_that_fails_leaves_those_before_alone(backups: Backups, change: dict[str, str]) -> None:
    backups.run("backup.sh")
    before, told = (
        sorted(backups.folder.glob("[!.]*")),
        backups.metric("cortex_backup_success_timestamp_seconds"),
    )
    time.sleep(1.1)  # the names of dumps have the second

    result = backups.run("backup.sh", **change)

    assert result.returncode == 1
    assert "backup: no snapshot from the database" in result.stderr
    assert sorted(backups.folder.glob("[!.]*")) == before
    assert backups.metric("cortex_backup_success_timestamp_seconds") == told


def test_a_backup_that_is_suspiciously_small_takes_the_place_of_nothing(backups: Backups) -> None:
    backups.run("backup.sh")
    first = backups.dumps()
    time.sleep(1.1)
    with backups.database.connect("cortex") as owner:
        owner.execute("CREATE TABLE aside AS TABLE login_events; TRUNCATE login_events; TRUNCATE povs")
        try:
            refused = backups.run("backup.sh", BACKUP_LEAST="90")
            allowed = backups.run("backup.sh", BACKUP_LEAST="0")
        finally:
            owner.execute("INSERT INTO login_events TABLE aside; DROP TABLE aside")
            owner.execute(
                "INSERT INTO povs (id, title, data) SELECT n, 'Größe ' || n, jsonb_build_object('n', n) "
                "FROM generate_series(1, 3000) n"
            )

    assert refused.returncode == 1
    assert "If it is correct, set BACKUP_LEAST=0" in refused.stderr
    assert allowed.returncode == 0, allowed.stderr
    assert len(backups.dumps()) == 2
    assert backups.dumps()[0] == first[0]


def test_old_dumps_go_when_a_new_one_is_there(backups: Backups) -> None:
    backups.run("backup.sh")
    old = backups.dumps()[0].removesuffix(".dump")
    for path in backups.folder.iterdir():
        os.utime(path, (time.time() - 20 * 86_400,) * 2)
    time.sleep(1.1)

    assert backups.run("backup.sh", PGPORT="1").returncode == 1
    assert len(backups.dumps()) == 1
    assert backups.run("backup.sh", BACKUP_KEEP_DAYS="14").returncode == 0

    assert len(backups.dumps()) == 1
    assert not list(backups.folder.glob(f"{old}*"))


@pytest.fixture
def slow_path(backups: Backups) -> str:
    """Returns a PATH on which pg_dump takes three seconds longer."""
    folder = backups.metrics.parent / "slow"
    folder.mkdir()
    folder.chmod(0o755)
    slow = folder / "pg_dump"
    slow.write_text(f'#!/bin/sh\n{backups.database.programs}/pg_dump "$@" && sleep 3\n')
    slow.chmod(0o755)
    return f"{folder}:{backups.database.environment['PATH']}"


def test_a_dump_may_take_longer_than_a_session_may_be_idle(backups: Backups, slow_path: str) -> None:
    with backups.database.connect() as owner:
        owner.execute("ALTER SYSTEM SET idle_in_transaction_session_timeout = '1s'")
        # As in a cluster that an older init.sh created.
        owner.execute("ALTER ROLE cortex_backup RESET idle_in_transaction_session_timeout")
        owner.execute("SELECT pg_reload_conf()")
    try:
        made = backups.run("backup.sh", PATH=slow_path)
    finally:
        with backups.database.connect() as owner:
            owner.execute("ALTER SYSTEM RESET idle_in_transaction_session_timeout")
            owner.execute("SELECT pg_reload_conf()")

    assert made.returncode == 0, made.stderr
    assert len(backups.dumps()) == 1


def test_a_session_that_is_gone_is_told(backups: Backups, slow_path: str) -> None:
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE usename = 'cortex_backup' AND state = 'idle in transaction'"
    )

    def terminate() -> None:
        with backups.database.connect() as owner:
            while not owner.execute(cut).fetchall():
                time.sleep(0.05)

    thread = threading.Thread(target=terminate)
    thread.start()
    result = backups.run("backup.sh", PATH=slow_path)
    thread.join()

    assert result.returncode == 1
    assert "keeping the previous dumps" in result.stderr
    assert backups.dumps() == []


def test_a_backup_that_is_stopped_leaves_nothing_behind(backups: Backups, slow_path: str) -> None:
    told = backups.metrics / "backup_cortex.prom"
    command = [str(backups.scripts / "every.sh"), "24", str(told), str(backups.scripts / "backup.sh")]
    child = backups.start(command, PATH=slow_path)
    wait_for(lambda: bool(sessions_of_backup(backups)))

    began = time.monotonic()
    child.terminate()
    child.wait(10)

    assert time.monotonic() - began < 2
    wait_for(lambda: not sessions_of_backup(backups))
    assert [path.name for path in backups.folder.iterdir()] == [".cortex.lock"]


def test_one_backup_at_a_time(backups: Backups, slow_path: str) -> None:
    first = backups.start([str(backups.scripts / "backup.sh")], PATH=slow_path)
    wait_for(lambda: bool(sessions_of_backup(backups)))

    second = backups.run("backup.sh")

    assert (second.returncode, second.stderr) == (1, "backup: another backup of cortex is running\n")
    assert first.wait(30) == 0
    assert len(backups.dumps()) == 1


def test_what_a_killed_backup_left_disturbs_nobody_and_goes(backups: Backups) -> None:
    draft = backups.folder / ".cortex-20260101T000000Z.draft.dump"
    draft.write_text("half a dump")
    backups.database.place.account.give(draft)

    without = backups.run("restore_drill.sh")
    made = backups.run("backup.sh")

    assert without.stderr.strip() == f"restore drill: there is no dump in {backups.folder}"
    assert made.returncode == 0, made.stderr
    assert not draft.exists()
    draft.write_text("half a dump")
    assert backups.run("restore_drill.sh").returncode == 0


def sessions_of_backup(backups: Backups) -> "list[tuple[object, ...]]":
    with backups.database.connect() as owner:
        return owner.execute(
            "SELECT pid FROM pg_stat_activity WHERE usename = 'cortex_backup' AND state = 'idle in transaction'"
        ).fetchall()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_schedule_runs_what_is_due_and_stops_when_told(backups: Backups) -> None:
    done = backups.metrics / "done"
    command = [str(backups.scripts / "every.sh"), "24", str(done), "/bin/sh", "-c", f"echo ran >>{done}"]
    child = subprocess.Popen(command, **backups.database.place.account.launch_options)
    deadline = time.monotonic() + 10
    while not done.exists() and time.monotonic() < deadline:
        time.sleep(0.05)

    child.terminate()

    assert child.wait(5) is not None
    assert done.read_text() == "ran\n"
    again = subprocess.Popen(command, **backups.database.place.account.launch_options)
    time.sleep(1)
    again.terminate()
    again.wait(5)
    assert done.read_text() == "ran\n"  # not due for a day
