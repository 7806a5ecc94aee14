"""Tables that are not what their model says: the import stores what `save()` stores, or says why it cannot."""

import random
import string
from pathlib import Path
from typing import Any

import pytest
from django.contrib.postgres.fields import ArrayField
from django.db import NotSupportedError, models
from django.test.utils import isolate_apps

from importer import Lookup
from importer.checks import check_target
from importer.validate.explain import explain
from tests.importer.real_tables.legacy import Filled, as_clerk, execute, legacy
from tests.importer.real_tables.types import BRIDGED, TYPES, code, numbered, without_ids

pytestmark = pytest.mark.django_db(transaction=True)
WAYS = ["reject", "skip", "update"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", BRIDGED)
def test_a_column_of_another_type_holds_what_save_stores(folder: Path, kind: str, way: str) -> None:
    real, field, texts = BRIDGED[kind]
    sql = f"{TYPES} CREATE TABLE legacy (id serial PRIMARY KEY, code varchar(20) UNIQUE, v {real})"
    records = [*numbered("v", *texts), *numbered("v", *reversed(texts))]
    with legacy(sql, key=("code",), code=code(), v=field) as table:
        by_hand = table.by_hand(records, on_conflict=way)
        table.make_anew()

        imported = table.by_import(records, folder, on_conflict=way)

    assert without_ids(imported.rows) == without_ids(by_hand.rows)
    assert imported.rejected.keys() == by_hand.rejected.keys()


CANNOT = {
    "boolean in a number": ("integer", models.BooleanField(), "true", "sends bool"),
    "moment in a number": ("bigint", models.DateTimeField(), "2020-01-01", "sends timestamp with time zone"),
    "number in a date": ("date", models.IntegerField(), "7", "sends integer"),
    "computed": ("text GENERATED ALWAYS AS (code) STORED", models.TextField(), "x", "computes the column"),
}


@pytest.mark.parametrize("kind", CANNOT)
def test_a_column_that_takes_nothing_is_refused_before_the_first_record(folder: Path, kind: str) -> None:
    real, field, text, words = CANNOT[kind]
    sql = f"CREATE TABLE legacy (id serial PRIMARY KEY, code varchar(20) UNIQUE, v {real})"
    with legacy(sql, code=code(), v=field) as table:
        assert table.by_hand(numbered("v", text)).rows == []

        reason = table.refusal(folder, numbered("v", text))

    assert words in reason
    assert '"v"' in reason


def test_what_a_table_lacks_or_wants_is_refused_before_the_first_record(folder: Path) -> None:
    records = numbered("v", "x")
    fields = {"code": code(), "v": models.TextField()}
    with legacy(
        "CREATE TABLE legacy (id serial PRIMARY KEY, code text, tenant int NOT NULL, v text)", **fields
    ) as t:
        assert 'has a column "tenant" without a default' in t.refusal(folder, records)
    with legacy("CREATE TABLE legacy (id serial PRIMARY KEY, code text)", **fields) as t:
        assert 'has no column "v" for the field "v"' in t.refusal(folder, records)
    with legacy("SELECT 1", **fields) as t:
        assert 'no table "legacy"' in t.refusal(folder, records)


@pytest.mark.parametrize("way", WAYS)
def test_an_identity_keeps_the_ids_of_the_source(folder: Path, way: str) -> None:
    sql = "CREATE TABLE legacy (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text UNIQUE, v text)"
    records = [{"id": "7", "code": "a", "v": "x"}, {"id": "3", "code": "b", "v": "y"}]
    with legacy(sql, key=("code",), code=code(), v=models.TextField()) as table:
        assert table.by_import(records, folder, on_conflict=way).rows == ["(3,b,y)", "(7,a,x)"]
        execute("INSERT INTO legacy (code, v) VALUES ('next', '')")
        assert table.rows()[-1] == '(8,next,"")'


SOUND = "CREATE TABLE legacy (id serial PRIMARY KEY, code text UNIQUE, v text);"
ROUTED = """
CREATE TABLE legacy_old () INHERITS (legacy);
CREATE FUNCTION pg_temp.route() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO legacy_old VALUES (NEW.*); RETURN NULL; END $$;
CREATE TRIGGER t BEFORE INSERT ON legacy FOR EACH ROW EXECUTE FUNCTION pg_temp.route();
"""
DROPPED = """
CREATE FUNCTION pg_temp.drop_odd() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.v IN ('1', '3') THEN RETURN NULL; END IF; RETURN NEW; END $$;
CREATE TRIGGER t BEFORE INSERT OR UPDATE ON legacy FOR EACH ROW EXECUTE FUNCTION pg_temp.drop_odd();
"""
DIVERTED = """
CREATE TABLE IF NOT EXISTS elsewhere (code text, v text); TRUNCATE elsewhere;
CREATE RULE r AS ON INSERT TO legacy WHERE NEW.v IN ('1', '3')
DO INSTEAD INSERT INTO elsewhere VALUES (NEW.code, NEW.v);
"""
DELETED = """
CREATE FUNCTION pg_temp.sweep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN DELETE FROM legacy WHERE code = NEW.code AND NEW.v IN ('1', '3'); RETURN NULL; END $$;
CREATE TRIGGER t AFTER INSERT ON legacy FOR EACH ROW EXECUTE FUNCTION pg_temp.sweep();
"""
SWEPT = """
CREATE FUNCTION pg_temp.sweep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN EXECUTE 'DELETE FROM legacy WHERE v IN (''1'', ''3'')'; RETURN NULL; END $$;
CREATE TRIGGER t AFTER INSERT ON legacy FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.sweep();
"""
CHANGED = """
CREATE FUNCTION pg_temp.upper() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.v = '3' THEN RETURN NULL; END IF; NEW.code := upper(NEW.code); RETURN NEW; END $$;
CREATE TRIGGER t BEFORE INSERT ON legacy FOR EACH ROW EXECUTE FUNCTION pg_temp.upper();
"""
FOUR = [{"code": f"c{n}", "v": str(n)} for n in range(4)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("change", "rows", "lost"),
    [
        pytest.param(DROPPED, 2, [3, 5], id="a trigger drops rows"),
        pytest.param(DIVERTED, 2, [3, 5], id="a rule diverts rows"),
        pytest.param(ROUTED, 4, [], id="a trigger routes rows to a child table"),
        pytest.param(CHANGED, 3, [5], id="a trigger drops rows and changes keys"),
        pytest.param(DELETED, 2, [3, 5], id="a trigger deletes rows behind the insert"),
        pytest.param(SWEPT, 2, [3, 5], id="a trigger deletes rows behind the statement"),
    ],
)
def test_counts_are_what_the_database_did(
    folder: Path, change: str, rows: int, lost: list[int], way: str
) -> None:
    fields = {"code": code(), "v": models.TextField()}
    with legacy(SOUND + change, key=("code",) if way != "reject" else (), **fields) as table:
        filled = table.by_import(FOUR, folder, on_conflict=way)

    assert len(filled.rows) == rows
    assert filled.rejected == dict.fromkeys(lost, "not_stored")


@pytest.mark.parametrize("change", [DELETED, SWEPT], ids=["each row", "the statement"])
def test_rows_that_nothing_but_their_number_tells_apart_are_counted_too(folder: Path, change: str) -> None:
    sql = SOUND.replace(" UNIQUE", "") + change
    with legacy(sql, code=models.TextField(), v=models.TextField()) as table:
        filled = table.by_import(FOUR, folder, on_conflict="reject")

    assert len(filled.rows) == 2
    assert filled.rejected == dict.fromkeys([3, 5], "not_stored")


def test_an_update_that_a_trigger_drops_is_not_unchanged(folder: Path) -> None:
    with legacy(SOUND, key=("code",), code=code(), v=models.TextField()) as table:
        table.by_import([{"code": f"c{n}", "v": "old"} for n in range(4)], folder, on_conflict="update")
        execute(DROPPED)

        result = table.run(FOUR, folder, on_conflict="update")

    assert (result.updated, result.unchanged, result.rejected) == (2, 0, 2)


RAISES = """
CREATE FUNCTION pg_temp.no() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.v = 'bad' THEN RAISE EXCEPTION 'Not on my watch' USING ERRCODE = '{state}'; END IF; RETURN NEW; END $$;
CREATE TRIGGER t {when} INSERT OR UPDATE ON legacy FOR EACH ROW EXECUTE FUNCTION pg_temp.no();
"""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when", ["BEFORE", "AFTER"])
@pytest.mark.parametrize("state", ["P0001", "UE123", "42501", "0A000", "57014", "23505", "40001"])
def test_a_record_that_a_trigger_refuses_is_rejected_whatever_its_sqlstate(
    folder: Path, state: str, when: str, way: str
) -> None:
    records = numbered("v", "good", "bad", "fine")
    sql = SOUND + RAISES.format(state=state, when=when)
    with legacy(sql, key=("code",), code=code(), v=models.TextField()) as table:
        filled = table.by_import(records, folder, on_conflict=way)

    assert len(filled.rows) == 2
    assert list(filled.rejected) == [3]


PARTITIONED = """
CREATE TABLE legacy (id serial, code text, v text, PRIMARY KEY (id, v)) PARTITION BY LIST (v);
CREATE TABLE legacy_a PARTITION OF legacy FOR VALUES IN ('a');
"""


@pytest.mark.parametrize("way", ["reject"])
def test_a_record_without_a_partition_is_rejected(folder: Path, way: str) -> None:
    with legacy(PARTITIONED, code=models.CharField(max_length=20), v=models.TextField()) as table:
        filled = table.by_import(numbered("v", "a", "b", "a"), folder, on_conflict=way)

    assert (len(filled.rows), list(filled.rejected)) == (2, [3])


@pytest.mark.parametrize("way", WAYS)
def test_a_row_of_somebody_else_is_rejected_under_row_level_security(folder: Path, way: str) -> None:
    policies = """
    ALTER TABLE legacy ENABLE ROW LEVEL SECURITY; ALTER TABLE legacy FORCE ROW LEVEL SECURITY;
    CREATE POLICY mine ON legacy USING (v <> 'theirs') WITH CHECK (v <> 'theirs');
    """
    with legacy(SOUND + policies, key=("code",), code=code(), v=models.TextField()) as table, as_clerk():
        filled: Filled = table.by_import(numbered("v", "mine", "theirs", "mine too"), folder, on_conflict=way)

    assert (len(filled.rows), list(filled.rejected)) == (2, [3])


def test_what_is_peculiar_or_impossible_is_explained_and_checked_before_any_run() -> None:
    sql = "CREATE TABLE legacy (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code varchar(20), v {real});"
    with legacy(sql.format(real="timestamp") + DROPPED, code=code(), v=models.DateTimeField()) as table:
        text = explain(table.spec("reject"))
        assert "through a temporary table, because the table is not quite what its model says" in text
        assert (
            "v is timestamp without time zone, and PostgreSQL converts timestamp with time zone to it" in text
        )
        assert "a trigger or a rule may drop or divert a row" in text
        assert "refused" not in text
        assert check_target(table.spec("reject"), ["default"]) == []
    with legacy(sql.format(real="integer"), code=code(), v=models.BooleanField()) as table:
        assert '  refused    The column "v" of the table "legacy" is integer' in explain(table.spec("reject"))
        (warning,) = check_target(table.spec("reject"), ["default"])
        assert (warning.id, "sends bool" in warning.msg) == ("importer.W003", True)
        assert check_target(table.spec("reject"), []) == []


@pytest.mark.parametrize("real", ["colour", "char(8)", "citext", "short"])
def test_a_parent_is_found_whatever_the_type_of_its_key(folder: Path, real: str) -> None:
    """As `Parent.objects.get(code=...)` finds it."""
    execute(f"{TYPES} CREATE EXTENSION IF NOT EXISTS citext; DROP TABLE IF EXISTS parent")
    execute(
        f"CREATE TABLE parent (id serial PRIMARY KEY, code {real}); INSERT INTO parent (code) VALUES ('red')"
    )
    sql = "CREATE TABLE legacy (id serial PRIMARY KEY, code text, parent_id int)"
    with isolate_apps("tests.importer.samples.order"):
        meta = type("Meta", (), {"managed": False, "db_table": "parent", "app_label": "order"})
        fields = {"code": models.CharField(max_length=20), "__module__": __name__, "Meta": meta}
        parent = type("Parent", (models.Model,), fields)
        found = [str(row.pk) for row in parent._base_manager.filter(code="red")]  # type: ignore[attr-defined]
        key = models.ForeignKey(parent, models.CASCADE, null=True)
        with legacy(sql, code=models.TextField(), parent=key) as table:
            table.lookups = {"parent": Lookup("parent", to="code")}
            filled = table.by_import(
                [{"code": "a", "parent": "red"}, {"code": "b", "parent": "nope"}], folder
            )
    execute("DROP TABLE parent")

    assert filled.rows == [f"(1,a,{found[0]})"]
    assert filled.rejected == {3: "does_not_exist"}


@pytest.fixture
def nocase() -> None:
    try:
        execute("CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    except NotSupportedError:
        pytest.skip("NOT TESTED: this PostgreSQL has no ICU, so no collation without case")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("collation", ['"C"', '"POSIX"', "nocase"])
def test_texts_are_equal_if_the_column_s_collation_says_so(
    request: pytest.FixtureRequest, folder: Path, collation: str, way: str
) -> None:
    if collation == "nocase":
        request.getfixturevalue("nocase")
    sql = f"CREATE TABLE legacy (id serial PRIMARY KEY, code varchar(20) COLLATE {collation} UNIQUE, v text)"
    records = [{"code": "a", "v": "1"}, {"code": "A", "v": "2"}, {"code": "b", "v": "3"}]
    with legacy(sql, key=("code",), code=code(), v=models.TextField()) as table:
        by_hand = table.by_hand(records, on_conflict=way)
        table.make_anew()

        imported = table.by_import(records, folder, on_conflict=way)

    assert without_ids(imported.rows) == without_ids(by_hand.rows)
    assert imported.rejected.keys() == by_hand.rejected.keys()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["*", "^a$", "Großer Name", "select", "a.b", "%s", "importer number"])
def test_a_column_may_have_any_name(folder: Path, name: str, way: str) -> None:
    sql = f'CREATE TABLE legacy (id serial PRIMARY KEY, "{name}" varchar(20) UNIQUE, v text)'
    field = models.CharField(max_length=20, unique=True, db_column=name)
    with legacy(sql, key=("code",), code=field, v=models.TextField()) as table:
        filled = table.by_import(numbered("v", "a", "b"), folder, on_conflict=way)

    assert filled.rows == ["(1,C0,a)", "(2,C1,b)"]


@pytest.mark.parametrize("way", WAYS)
def test_a_text_too_long_for_its_index_costs_its_own_record(folder: Path, way: str) -> None:
    """PostgreSQL calls this a limit of the program (54000)."""
    long = "".join(random.Random(1).choices(string.ascii_letters, k=9_000))
    with legacy(
        f"{SOUND} CREATE INDEX ON legacy (v)", key=("code",), code=code(), v=models.TextField()
    ) as table:
        filled = table.by_import(numbered("v", "a", long, "b"), folder, on_conflict=way)

    assert (len(filled.rows), list(filled.rejected)) == (2, [3])


@pytest.mark.parametrize(
    ("real", "field"),
    [
        ("bigint[]", ArrayField(models.IntegerField())),
        ("text[]", ArrayField(models.IntegerField())),
        ("numeric[]", ArrayField(models.IntegerField())),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_an_array_is_converted_if_its_elements_are(folder: Path, real: str, field: Any, way: str) -> None:
    sql = f"CREATE TABLE legacy (id serial PRIMARY KEY, code text UNIQUE, v {real})"
    with legacy(sql, key=("code",), code=code(), v=field) as table:
        table.model(code="C0", v=[1, 2]).save()
        by_hand = table.rows()
        table.make_anew()

        assert table.by_import(numbered("v", "[1, 2]"), folder, on_conflict=way).rows == by_hand


def test_a_domain_with_a_default_wants_no_value(folder: Path) -> None:
    sql = """
    DROP DOMAIN IF EXISTS tenant CASCADE; CREATE DOMAIN tenant AS int DEFAULT 7;
    CREATE TABLE legacy (id serial PRIMARY KEY, tenant tenant NOT NULL, code text UNIQUE, v text)
    """
    with legacy(sql, code=code(), v=models.TextField()) as table:
        assert table.by_import(numbered("v", "x"), folder).rows == ["(1,7,C0,x)"]
