"""The new table has all that the old one had, or --fresh refuses before it begins."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, models

from importer.fresh.description import describe
from importer.fresh.tables import Tables
from tests.importer.real_tables.legacy import changed, execute, legacy

pytestmark = pytest.mark.django_db(transaction=True)

TABLE = """
CREATE TABLE legacy (
    id int GENERATED {identity} AS IDENTITY (START 100 INCREMENT 10 CACHE 2) PRIMARY KEY,
    serial bigserial UNIQUE,
    code varchar(20) COLLATE "C" NOT NULL CONSTRAINT "one code" UNIQUE DEFERRABLE INITIALLY DEFERRED,
    name text DEFAULT 'none' CHECK (name <> 'bad'),
    twice text GENERATED ALWAYS AS (name || name) STORED
) WITH (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_enabled = false)
"""
RECORDS = [{"code": f"C{n}", "name": f"n{n}"} for n in range(5)]
FIELDS: dict[str, Any] = {"code": models.TextField(), "name": models.TextField(blank=True)}
ROLE = f"importer_reader_{os.getpid()}"  # roles belong to the server, which other tests share


@pytest.fixture
def role() -> Any:
    with changed(f"CREATE ROLE {ROLE}", f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}"):
        yield ROLE


PROPERTIES = {
    "rights": f"GRANT SELECT, INSERT ON legacy TO {ROLE} WITH GRANT OPTION; GRANT SELECT ON legacy TO PUBLIC; "
    f"GRANT UPDATE (name) ON legacy TO {ROLE}; GRANT USAGE ON SEQUENCE legacy_id_seq TO {ROLE}",
    "rights taken from the owner": "REVOKE TRUNCATE ON legacy FROM CURRENT_USER",
    "default rights": f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {ROLE}",
    "owner": f"ALTER TABLE legacy OWNER TO {ROLE}",
    "comments": "COMMENT ON TABLE legacy IS 'it''s 100%\\'; COMMENT ON COLUMN legacy.name IS 'a name'; "
    "COMMENT ON INDEX \"one code\" IS 'an index'; COMMENT ON CONSTRAINT \"one code\" ON legacy IS 'a constraint'; "
    "COMMENT ON CONSTRAINT legacy_name_check ON legacy IS 'a check'; COMMENT ON SEQUENCE legacy_id_seq IS 'numbers'",
    "statistics": "ALTER TABLE legacy ALTER COLUMN name SET STATISTICS 500, ALTER COLUMN name SET (n_distinct = -0.5); "
    "CREATE STATISTICS both_of_them (dependencies) ON code, name FROM legacy",
    "storage": "ALTER TABLE legacy ALTER COLUMN name SET STORAGE EXTERNAL; ALTER TABLE legacy REPLICA IDENTITY FULL",
    "replica identity by index": "CREATE UNIQUE INDEX identity ON legacy (code); "
    "ALTER TABLE legacy REPLICA IDENTITY USING INDEX identity; ALTER TABLE legacy CLUSTER ON identity",
    "triggers": "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
    "CREATE TRIGGER quiet BEFORE UPDATE OF name ON legacy FOR EACH ROW WHEN (NEW.name <> '%') EXECUTE FUNCTION "
    "nothing(); CREATE TRIGGER off BEFORE INSERT ON legacy FOR EACH ROW EXECUTE FUNCTION nothing(); "
    "ALTER TABLE legacy DISABLE TRIGGER off; COMMENT ON TRIGGER quiet ON legacy IS 'quiet'",
    "row-level security": "ALTER TABLE legacy ENABLE ROW LEVEL SECURITY; "
    f"CREATE POLICY own ON legacy AS RESTRICTIVE FOR UPDATE TO {ROLE}, PUBLIC USING (name <> 'x') WITH CHECK (true)",
    "other tables": "CREATE TABLE child (legacy int REFERENCES legacy ON DELETE CASCADE DEFERRABLE, "
    "code varchar(20)); COMMENT ON CONSTRAINT child_legacy_fkey ON child IS 'to the parent'",
    "itself": "ALTER TABLE legacy ADD COLUMN boss int REFERENCES legacy ON DELETE SET NULL",
    "its parents": "CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1); "
    "ALTER TABLE legacy ADD COLUMN parent int DEFAULT 1 REFERENCES parent DEFERRABLE INITIALLY DEFERRED",
    "indexes": "CREATE INDEX \"odd % name\" ON legacy USING gin (to_tsvector('simple', name)) WHERE name <> '%'; "
    "CREATE UNIQUE INDEX ON legacy (lower(code) text_pattern_ops DESC, (name || 'x')) INCLUDE (id) NULLS NOT DISTINCT",
    "a dropped column": "ALTER TABLE legacy ADD COLUMN old int; ALTER TABLE legacy DROP COLUMN old",
    "numbers drawn before": "SELECT nextval('legacy_id_seq'), nextval('legacy_serial_seq')",
}  # fmt: skip
UNDO = (
    "DROP TABLE IF EXISTS child, legacy CASCADE; DROP TABLE IF EXISTS parent; "
    "DROP FUNCTION IF EXISTS nothing CASCADE"
)


def described() -> list[str]:
    with connection.cursor() as cursor:
        return sorted(describe(cursor, Tables("public", "legacy", "", "default")))


@pytest.mark.parametrize("identity", ["BY DEFAULT", pytest.param("ALWAYS", marks=pytest.mark.long)])
@pytest.mark.parametrize("name", PROPERTIES)
def test_a_property_is_carried_over(folder: Path, role: str, name: str, identity: str) -> None:
    with legacy(TABLE.format(identity=identity), **FIELDS) as table, changed(PROPERTIES[name], UNDO):
        before = described()

        filled = table.by_import(RECORDS, folder, fresh=True)

        assert described() == before
        assert len(filled.rows) == 5
        start = 110 if name == "numbers drawn before" else 100
        first = 2 if name == "numbers drawn before" else 1
        assert execute("SELECT min(id), max(id), min(serial) FROM legacy") == [(start, start + 40, first)]
        assert execute("SELECT nextval('legacy_id_seq'), nextval('legacy_serial_seq')")[0] > (start + 40, 5)
        assert not execute("SELECT 1 FROM pg_namespace WHERE nspname LIKE 'importer_fresh%'")


REFUSED = {
    "CREATE VIEW seen AS SELECT * FROM legacy": "view seen depends on table legacy",
    "CREATE TABLE of_it (kept legacy)": "column kept of table of_it depends on type legacy",
    "CREATE PUBLICATION news FOR TABLE legacy": "publication news",
    "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
    "CREATE TRIGGER t AFTER INSERT ON legacy EXECUTE FUNCTION nothing()": "trigger for INSERT (t)",
    "ALTER TABLE legacy ADD EXCLUDE (code WITH =)": "exclusion constraint (legacy_code_excl)",
    "CREATE TABLE heir () INHERITS (legacy)": "not a plain table of its own",
    "CREATE RULE no AS ON DELETE TO legacy DO INSTEAD NOTHING": "rule no",
    "INSERT INTO legacy (code) VALUES ('here')": "is not empty",
    "ALTER TABLE legacy ADD CONSTRAINT later CHECK (code <> 'z') NOT VALID": "constraint later",
    "ALTER TABLE legacy SET UNLOGGED": "persistence",
    "CREATE TABLE parent (id int PRIMARY KEY); ALTER TABLE legacy ADD COLUMN parent int REFERENCES parent; "
    "ALTER TABLE legacy DISABLE TRIGGER ALL": "enforced D",
    "CREATE TABLE child (legacy int REFERENCES legacy); ALTER TABLE child DISABLE TRIGGER ALL": "child_legacy_fkey",
    "CREATE STATISTICS st ON code, name FROM legacy; ALTER STATISTICS st OWNER TO A_ROLE": "statistics st: ",
    "GRANT SELECT ON legacy TO A_ROLE WITH GRANT OPTION; SET ROLE A_ROLE; GRANT SELECT ON legacy TO PUBLIC; "
    "RESET ROLE": "right: SELECT to PUBLIC by ",
}  # fmt: skip


@pytest.mark.parametrize("sql", REFUSED)
def test_what_cannot_be_carried_over_is_refused_before_the_first_record(
    folder: Path, role: str, sql: str
) -> None:
    undo = f"DROP PUBLICATION IF EXISTS news; DROP TABLE IF EXISTS of_it; {UNDO}"
    with (
        legacy(TABLE.format(identity="ALWAYS"), **FIELDS) as table,
        changed(sql.replace("A_ROLE", role), undo),
    ):
        before = described()

        result = table.run(RECORDS, folder, fresh=True)

        assert (result.status, result.read) == ("failed", 0), result
        assert result.reason.startswith("--fresh is not possible: ")
        assert REFUSED[sql] in result.reason
        assert result.reason.endswith("; run the job without --fresh.")
        assert described() == before
        assert not execute("SELECT 1 FROM pg_namespace WHERE nspname LIKE 'importer_fresh%'")
