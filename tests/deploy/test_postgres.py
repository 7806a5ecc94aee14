"""PostgreSQL, started with deploy/postgres: its settings, and the rights of its roles."""

import os
import socket
import subprocess
import time

import psycopg
import pytest

from tests.deploy.compose import PROJECT
from tests.deploy.production import DEPLOY, Database

EVERY_ROLE = ("cortex", "cortex_web", "cortex_backup", "cortex_exporter", "keycloak")
THEIRS = {"keycloak": "keycloak", "cortex_exporter": "postgres"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shared_buffers", "256MB"),
        ("effective_cache_size", "1GB"),
        ("work_mem", "4MB"),
        ("temp_file_limit", "2GB"),
        ("authentication_timeout", "10s"),
        ("max_connections", "150"),
        ("jit", "off"),
        ("random_page_cost", "1.1"),
        ("log_min_duration_statement", "-1"),
        ("log_min_duration_sample", "-1"),
        ("log_statement", "none"),
        ("log_min_error_statement", "panic"),
        ("log_error_verbosity", "terse"),
        ("log_parameter_max_length", "0"),
        ("log_parameter_max_length_on_error", "0"),
        ("log_lock_waits", "on"),
        ("log_temp_files", "0"),
        ("pg_stat_statements.track_utility", "off"),
        ("data_checksums", "on"),
        ("password_encryption", "scram-sha-256"),
    ],
)
def test_it_runs_with_the_settings_of_the_file(database: Database, name: str, value: str) -> None:
    with database.connect() as connection:
        row = connection.execute(f"SHOW {name}").fetchone()

    assert row == (value,)


def test_every_setting_of_the_file_is_in_force(database: Database) -> None:
    with database.connect() as connection:
        # Changed by the tests' command line: its addresses, and settings that protect the data.
        refused = connection.execute(
            "SELECT name, setting, error FROM pg_file_settings WHERE NOT applied "
            "AND name NOT IN ('listen_addresses')"
        ).fetchall()
        set_by_file = connection.execute("SELECT count(*) FROM pg_file_settings WHERE applied").fetchone()

    assert refused == []
    assert set_by_file
    assert set_by_file[0] >= 30


def test_statements_are_counted(database: Database) -> None:
    with database.connect(database="postgres") as connection:
        connection.execute("SELECT 1 AS something_to_count")
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%something_to_count%'"
        ).fetchone()

    assert row
    assert row[0] >= 1


def test_the_role_of_the_site_waits_for_nothing_long(database: Database) -> None:
    with database.connect("cortex_web") as connection:
        settings = [
            connection.execute(f"SHOW {name}").fetchone()
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        ]

        assert settings == [("15s",), ("3s",), ("1min",)]


def test_the_role_of_workers_takes_the_time_it_needs(database: Database) -> None:
    with database.connect("cortex") as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_the_site_reads_and_writes_rows_but_changes_no_table(database: Database) -> None:
    with database.connect("cortex") as owner:
        owner.execute("CREATE TABLE things (id bigserial PRIMARY KEY, name text)")
    try:
        with database.connect("cortex_web") as web:
            web.execute("INSERT INTO things (name) VALUES ('a')")
            web.execute("UPDATE things SET name = 'b'")
            assert web.execute("SELECT id, name FROM things").fetchall() == [(1, "b")]
            web.execute("DELETE FROM things")
            for statement in (
                "DROP TABLE things",
                "ALTER TABLE things ADD more text",
                "CREATE TABLE others ()",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    web.execute(statement)
    finally:
        with database.connect("cortex") as owner:
            owner.execute("DROP TABLE things")


def test_the_backup_reads_everything_and_writes_nothing(database: Database) -> None:
    with database.connect("cortex") as owner:
        owner.execute("CREATE TABLE things (id bigint)")
    try:
        with database.connect("cortex_backup") as backup:
            assert backup.execute("SELECT count(*) FROM things").fetchone() == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                backup.execute("INSERT INTO things VALUES (1)")
    finally:
        with database.connect("cortex") as owner:
            owner.execute("DROP TABLE things")


def test_the_exporter_sees_what_others_run_but_no_row(database: Database) -> None:
    with database.connect("cortex") as owner:
        owner.execute("CREATE TABLE things (id bigint)")
        try:
            with database.connect("cortex_exporter", "postgres") as exporter:
                seen = exporter.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE usename = 'cortex' AND query LIKE 'CREATE%'"
                ).fetchone()
                assert seen == (1,)
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                database.connect("cortex_exporter", "cortex")
        finally:
            owner.execute("DROP TABLE things")


@pytest.mark.parametrize(
    ("role", "foreign"),
    [
        ("keycloak", "cortex"),
        ("cortex_web", "keycloak"),
        ("cortex", "keycloak"),
        ("cortex_backup", "postgres"),
        ("cortex_exporter", "keycloak"),
        *((role, "template1") for role in EVERY_ROLE),
    ],
)
def test_nobody_gets_into_a_database_that_is_not_theirs(database: Database, role: str, foreign: str) -> None:
    database.connect(role, THEIRS.get(role, "cortex")).close()

    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        database.connect(role, foreign)


@pytest.mark.parametrize("role", EVERY_ROLE)
@pytest.mark.parametrize("made_by", ["lo_creat(-1)", "lo_create(0)", "lo_from_bytea(0, 'x')"])
def test_nobody_makes_large_objects(database: Database, role: str, made_by: str) -> None:
    with (
        database.connect(role, THEIRS.get(role, "cortex")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(f"SELECT {made_by}")


def test_a_new_database_has_no_large_objects_either(database: Database) -> None:
    with database.connect(database="postgres") as connection:
        connection.execute("CREATE DATABASE another OWNER cortex")
    with (
        database.connect("cortex", "another") as owner,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        owner.execute("SELECT lo_create(0)")


@pytest.mark.parametrize("role", ["cortex_web", "cortex_backup", "cortex_exporter", "keycloak"])
def test_a_session_fills_no_disk_with_what_it_sorts(database: Database, role: str) -> None:
    with database.connect(role, THEIRS.get(role, "cortex")) as connection:
        assert connection.execute("SHOW temp_file_limit").fetchone() == ("2GB",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET temp_file_limit = -1")


def test_the_owner_sorts_a_large_table_for_its_index(database: Database) -> None:
    with database.connect("cortex") as owner:
        assert owner.execute("SHOW temp_file_limit").fetchone() == ("20GB",)


def test_who_says_no_password_is_dropped(database: Database) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", database.port), timeout=20) as silent:
        assert silent.recv(1) == b""

    assert 8 < time.monotonic() - began < 13


LARGE_OBJECTS = "FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea)"
ALL_RIGHTS = """
SELECT datname, datacl::text FROM pg_database
UNION ALL SELECT rolname, setconfig::text FROM pg_db_role_setting JOIN pg_roles ON pg_roles.oid = setrole
ORDER BY 1
"""


def test_the_manual_gives_an_older_cluster_the_rights_of_a_new_one(database: Database) -> None:
    databases = ("postgres", "template1", "keycloak", "cortex")
    with database.connect() as superuser:
        new = superuser.execute(ALL_RIGHTS).fetchall()
        superuser.execute("GRANT CONNECT ON DATABASE cortex, keycloak TO cortex_exporter")
        superuser.execute("GRANT CONNECT ON DATABASE template1 TO PUBLIC")
        superuser.execute("ALTER ROLE cortex RESET temp_file_limit")
    for name in databases:
        with database.connect(database=name) as superuser:
            superuser.execute(f"GRANT EXECUTE ON {LARGE_OBJECTS} TO PUBLIC")

    commands = manual("for database in").replace("$C exec postgres ", "")
    commands = commands.replace("/etc/postgresql/", f"{DEPLOY}/postgres/")
    environment = os.environ | database.environment
    told = subprocess.run(["sh", "-ec", commands], env=environment, capture_output=True, text=True)

    assert (told.returncode, told.stderr) == (0, "")
    for name in databases:
        with database.connect(database=name) as superuser:
            may = superuser.execute("SELECT has_function_privilege('cortex', 'lo_create(oid)', 'execute')")
            assert may.fetchone() == (False,), name
            assert superuser.execute(ALL_RIGHTS).fetchall() == new


def manual(begins: str) -> str:
    """Returns the commands of a block of docs/operations.md."""
    blocks = (PROJECT / "docs/operations.md").read_text().split("```\n")
    (found,) = (block for block in blocks if block.startswith(begins))
    return found
