"""PostgreSQL's log and statistics contain no values and no passwords, with the settings of deploy/postgres."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.deploy.production import Database

CANARY = "canary-of-a-person"
ERRORS = {
    "INSERT INTO people VALUES (1, '{canary}')": 'duplicate key value violates unique constraint "people_pkey"',
    "INSERT INTO people VALUES (4, '{canary} too long')": 'new row for relation "people" violates check constraint',
    "INSERT INTO people VALUES (NULL, '{canary}')": 'null value in column "id"',
    "INSERT INTO people VALUES (4, '{canary}', 9)": 'insert or update on table "people" violates foreign key',
    "INSERT INTO people VALUES ('{canary}') FORM": 'syntax error at or near "FORM"',
    "SELECT 1 / (length('{canary}') - length('{canary}'))": "division by zero",
    "DO $$ BEGIN INSERT INTO people VALUES (1, '{canary}'); END $$": "duplicate key value",
}


@pytest.fixture
def people(database: Database) -> Iterator[Database]:
    with database.connect("cortex") as owner:
        owner.execute(
            "CREATE TABLE people (id int PRIMARY KEY, name text CHECK (length(name) < 20), boss int REFERENCES people)"
        )
        owner.execute("INSERT INTO people VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Eve')")
        yield database
        owner.execute("DROP TABLE people")


def logged_since(database: Database, before: str) -> str:
    return database.place.log("postgres").removeprefix(before)


@pytest.mark.parametrize("statement", ERRORS)
def test_an_error_is_logged_without_the_statement_and_its_values(people: Database, statement: str) -> None:
    before = people.place.log("postgres")

    with people.connect("cortex") as connection, pytest.raises(psycopg.Error):
        connection.execute(statement.format(canary=CANARY))

    told = logged_since(people, before)
    assert f"ERROR:  {ERRORS[statement]}" in told
    assert "canary" not in told


def test_neither_parameters_nor_lines_of_a_copy_are_logged_with_an_error(people: Database) -> None:
    before = people.place.log("postgres")

    with people.connect("cortex") as connection:
        with pytest.raises(psycopg.Error):
            connection.execute("INSERT INTO people VALUES (%s, %s)", [1, CANARY], prepare=True)
        with pytest.raises(psycopg.Error), connection.cursor().copy("COPY people FROM STDIN") as copy:
            copy.write(f"7\t{CANARY}\t\\N\ttoo much\n")

    told = logged_since(people, before)
    assert "ERROR:  duplicate key value" in told
    assert "ERROR:  extra data after last expected column" in told
    assert "canary" not in told


def test_slow_statements_are_found_by_their_form_and_not_in_the_log(people: Database) -> None:
    before = people.place.log("postgres")

    with people.connect("cortex") as connection:
        connection.execute(f"SELECT pg_sleep(0.7), '{CANARY}' AS literal")
        connection.execute("SELECT pg_sleep(0.7), %s AS parameter", [CANARY], prepare=True)

    with people.connect(database="postgres") as connection:
        slow = connection.execute(
            "SELECT query FROM pg_stat_statements WHERE mean_exec_time > 500 AND query LIKE '%pg_sleep%'"
        ).fetchall()
    assert ("SELECT pg_sleep($1), $2 AS literal",) in slow
    assert "canary" not in str(slow)
    assert "pg_sleep" not in logged_since(people, before)
    assert "canary" not in logged_since(people, before)


def test_a_sort_on_disk_is_logged_without_its_statement(people: Database) -> None:
    before = people.place.log("postgres")

    with people.connect("cortex") as connection:
        connection.execute(f"SELECT n, '{CANARY}' FROM generate_series(1, 500000) n ORDER BY -n")

    told = logged_since(people, before)
    assert "LOG:  temporary file: path" in told
    assert "canary" not in told


UPDATE = "UPDATE people SET name = %s WHERE id = %s"


def test_a_wait_for_a_lock_and_a_deadlock_are_logged_without_their_statements(people: Database) -> None:
    before = people.place.log("postgres")

    # Statements that contain their values, as Django's do.
    with (
        people.connect("cortex", cursor_factory=psycopg.ClientCursor) as one,
        people.connect("cortex", cursor_factory=psycopg.ClientCursor) as other,
        ThreadPoolExecutor() as pool,
    ):
        for connection, row in ((one, 1), (other, 2)):
            connection.execute("BEGIN")
            connection.execute(UPDATE, [CANARY, row])
        waits = [
            pool.submit(one.execute, UPDATE, [CANARY, 2]),
            pool.submit(other.execute, UPDATE, [CANARY, 1]),
        ]
        faults = [type(wait.exception(timeout=30)) for wait in waits]

    told = logged_since(people, before)
    assert sorted(fault.__name__ for fault in faults) == ["DeadlockDetected", "NoneType"]
    assert "ERROR:  deadlock detected" in told
    assert "LOG:  process" in told
    assert "canary" not in told
    assert "UPDATE" not in told


def test_no_password_is_kept_in_the_statistics(database: Database) -> None:
    with database.connect(database="postgres") as connection:
        connection.execute(f"CREATE ROLE somebody PASSWORD '{CANARY}'")
        connection.execute("DROP ROLE somebody")
        kept = str(connection.execute("SELECT query FROM pg_stat_statements").fetchall())

    secrets = {file.name: file.read_text().strip() for file in database.place.secrets.glob("*_password")}
    assert "pg_stat_statements" in kept
    assert [name for name, secret in secrets.items() if secret and secret in kept] == []
    assert CANARY not in kept


def test_no_password_gets_into_the_log(database: Database) -> None:
    told = database.place.log("postgres")

    assert "ready to accept connections" in told
    secrets = {file.name: file.read_text().strip() for file in database.place.secrets.glob("*_password")}
    assert [name for name, secret in secrets.items() if secret and secret in told] == []
