"""Types, triggers and defaults of legacy tables, whose odd values cost their own record at most."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.test.utils import isolate_apps

from importer.models import StagingRecord
from tests.importer.real_tables.legacy import as_clerk, execute, legacy
from tests.importer.real_tables.types import TYPES, code, numbered, without_ids

pytestmark = pytest.mark.django_db(transaction=True)

TABLE = "CREATE TABLE legacy (id serial PRIMARY KEY, code varchar(20) UNIQUE, v {});"
DOMAINS = f"""{TYPES}
DROP DOMAIN IF EXISTS positive CASCADE; CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN percentage AS positive CHECK (VALUE <= 100);
DROP DOMAIN IF EXISTS amount CASCADE; CREATE DOMAIN amount AS numeric(5,1) CHECK (VALUE > 0);
CREATE DOMAIN small_amount AS amount CHECK (VALUE < 50);
DROP DOMAIN IF EXISTS warm CASCADE; CREATE DOMAIN warm AS colour CHECK (VALUE <> 'blue');
"""


def text() -> Any:
    return models.TextField(null=True, blank=True)


@pytest.mark.parametrize("way", ["reject", "update"])
@pytest.mark.parametrize(
    ("real", "field", "texts"),
    [
        ("percentage", models.IntegerField(null=True, blank=True), ("5", "-5", "500", "x", "")),
        ("small_amount", models.DecimalField(max_digits=10, decimal_places=3), ("1.234", "-1", "99")),
        ("positive[]", ArrayField(models.IntegerField()), ("[1, 2]", "[-1]")),
        ("warm", text(), ("red", "blue", "green", "")),
    ],
)
def test_a_domain_is_what_it_is_made_of(
    folder: Path, real: str, field: Any, texts: tuple[str, ...], way: str
) -> None:
    records = [*numbered("v", *texts), *numbered("v", *reversed(texts))]
    with legacy(DOMAINS + TABLE.format(real), key=("code",), code=code(), v=field) as table:
        by_hand = table.by_hand(records, on_conflict=way)
        table.make_anew()

        imported = table.by_import(records, folder, on_conflict=way)

    assert without_ids(imported.rows) == without_ids(by_hand.rows)
    assert imported.rejected.keys() == by_hand.rejected.keys()


@pytest.mark.parametrize(
    ("real", "before", "after"),
    [
        ("citext", "a", "A"),
        ("box", "(1,1),(0,0)", "(3,3),(2,2)"),
        ("circle", "<(0,0),1>", "<(5,5),1>"),
        ("interval", "1 mon", "30 days"),
        ("json[]", '{"{}"}', '{"[]"}'),
        ("jsonpath", "$.a", "$.b"),
        ("pg_snapshot", "10:20:", "10:21:"),
        ("point", "(1,2)", "(1,3)"),
    ],
)
def test_a_value_that_postgresql_calls_equal_or_cannot_compare_is_updated(
    folder: Path, real: str, before: str, after: str
) -> None:
    execute("CREATE EXTENSION IF NOT EXISTS citext")
    with legacy(TABLE.format(real), key=("code",), code=code(), v=text()) as table:
        table.by_import(numbered("v", before), folder)

        changed = table.run(numbered("v", after), folder, on_conflict="update")
        again = table.run(numbered("v", after), folder, on_conflict="update")

        assert (changed.updated, again.unchanged) == (1, 1)
        assert execute(f"SELECT v::text = '{after}'::{real}::text FROM legacy") == [(True,)]


def test_a_domain_without_null_in_updates_that_do_not_fill_it(folder: Path) -> None:
    execute("DROP DOMAIN IF EXISTS never_null CASCADE; CREATE DOMAIN never_null AS text NOT NULL")
    sql = TABLE.format("text, w never_null, CHECK (w <> v)")
    with legacy(sql, key=("code",), code=code(), v=text(), w=models.TextField()) as table:
        table.by_import([{"code": "a", "v": "1", "w": "2"}], folder)
        spec = table.spec("update")
        spec.options = replace(spec.options, on_new="skip")
        table.spec = lambda on_conflict: spec  # type: ignore[method-assign]

        result = table.run([{"code": "a", "v": "3"}, {"code": "b", "v": "3"}], folder)

        assert (result.updated, result.skipped, result.rejected) == (1, 1, 0)
        assert table.rows() == ["(1,a,3,2)"]


def test_a_key_that_its_domain_refuses_costs_its_record_where_clean_sees_the_row(folder: Path) -> None:
    def clean(row: Any) -> None:
        row.v = row.v.upper()

    sql = DOMAINS + "CREATE TABLE legacy (id serial PRIMARY KEY, code short UNIQUE, v text)"
    records = [{"code": "a", "v": "x"}, {"code": "far too long", "v": "y"}, {"code": "b", "v": "z"}]
    with legacy(sql, key=("code",), code=code(), v=text()) as table:
        table.model.clean = clean  # type: ignore[method-assign]
        filled = table.by_import(records, folder, on_conflict="update")

    assert (without_ids(filled.rows), filled.rejected) == (["a,X)", "b,Z)"], {3: "check"})


BRANCHES = {
    "an unknown function": "IF NEW.v = 'bad' THEN PERFORM unknown_function(); END IF;",
    "an unknown table": "IF NEW.v = 'bad' THEN INSERT INTO unknown_table VALUES (1); END IF;",
    "a case without else": "CASE NEW.v WHEN 'good' THEN NULL; WHEN 'fine' THEN NULL; END CASE;",
    "a right that is missing": "IF NEW.v = 'bad' THEN PERFORM 1 FROM pg_authid; END IF;",
    "a sequence not yet used": "IF NEW.v = 'bad' THEN PERFORM currval('legacy_id_seq'); END IF;",
    "a statement of its own": "EXECUTE format('SELECT %s', CASE NEW.v WHEN 'bad' THEN '(' ELSE '1' END);",
}


@pytest.mark.parametrize("way", ["reject", "update"])
@pytest.mark.parametrize("branch", BRANCHES)
def test_code_of_a_trigger_that_fails_for_one_record_costs_that_record(
    folder: Path, branch: str, way: str
) -> None:
    sql = f"""{TABLE.format("text").replace("serial", "int")} CREATE SEQUENCE legacy_id_seq OWNED BY legacy.id;
    CREATE FUNCTION pg_temp.fails() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN {BRANCHES[branch]} RETURN NEW; END$$;
    CREATE TRIGGER t BEFORE INSERT ON legacy FOR EACH ROW EXECUTE FUNCTION pg_temp.fails();"""
    records = [
        {"id": str(n), "code": f"C{n}", "v": v} for n, v in enumerate(("good", "bad", "fine", "good"), 1)
    ]
    with legacy(sql, key=("code",), code=code(), v=text()) as table, as_clerk():
        filled = table.by_import(records, folder, on_conflict=way)

    assert (len(filled.rows), filled.rejected) == (3, {3: "database"})


@pytest.mark.parametrize(
    ("real", "texts"),
    [
        ("tsquery", ("a & b", "a &", "c")),
        ("regclass", ("pg_class", "nowhere", "pg_type")),
        ("regtype", ("int", "nothing", "text")),
        ("jsonpath", ("$.a", "$[", "$")),
    ],
)
@pytest.mark.parametrize("way", ["reject", "update"])
def test_a_type_that_refuses_a_text_as_if_it_were_a_statement_costs_that_record(
    folder: Path, real: str, texts: tuple[str, ...], way: str
) -> None:
    with legacy(TABLE.format(real), key=("code",), code=code(), v=text()) as table:
        filled = table.by_import(numbered("v", *texts), folder, on_conflict=way)

    assert (len(filled.rows), filled.rejected) == (2, {3: "database"})


def test_what_no_record_would_pass_ends_the_job_with_the_database_s_words(folder: Path) -> None:
    sql = f"""{TABLE.format("text")}
    CREATE FUNCTION pg_temp.fails() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM unknown(); END$$;
    CREATE TRIGGER t BEFORE INSERT ON legacy EXECUTE FUNCTION pg_temp.fails();"""
    with legacy(sql, key=("code",), code=code(), v=text()) as table:
        reason = table.run(numbered("v", "x", "y"), folder).reason

        assert reason == "Database error: function unknown() does not exist"
        assert not StagingRecord.objects.exists()


def test_an_empty_number_takes_the_column_s_default_whatever_it_is(folder: Path) -> None:
    sql = "DROP SEQUENCE IF EXISTS of_nobody; CREATE SEQUENCE of_nobody START 40;"
    table_sql = TABLE.format("text").replace("id serial", "id int DEFAULT nextval('of_nobody') * 2")
    with legacy(sql + table_sql, key=("code",), code=code(), v=text()) as table:
        records = [{"id": "", "code": "a", "v": "x"}, {"id": "7", "code": "b", "v": "y"}]

        assert table.by_import(records, folder).rows == ["(7,b,y)", "(80,a,x)"]


def test_a_column_called_like_the_import_s_own_is_refused(folder: Path) -> None:
    with isolate_apps("tests.importer.samples.order"):
        own = models.TextField(db_column="importer_number")
        sql = "CREATE TABLE legacy (id serial PRIMARY KEY, code text, importer_number text, importer_id int)"
        other = models.IntegerField(db_column="importer_id")
        with legacy(sql, code=code(), own=own, other=other) as table:
            reason = table.refusal(folder, [{"code": "a", "own": "x", "other": "1"}])

    assert 'has a column "importer_number", a name that the import needs for itself' in reason
