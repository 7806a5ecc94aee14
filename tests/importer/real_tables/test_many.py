"""Many-to-many fields filled from the parts of a cell, as `set()` would fill them."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured

from importer import Column, Constant, Many, ModelImport
from importer.checks import check_spec
from importer.exceptions import MappingRefused
from importer.models import StagingRecord
from importer.rejects.replay import replay_rejects
from importer.rejects.report import make_report
from importer.specs.registry import temporarily
from importer.validate.explain import explain
from tests.importer.conftest import Importing
from tests.importer.real_tables.legacy import changed
from tests.importer.samples.places.models import Article, Hull, Restaurant, Tag

pytestmark = pytest.mark.django_db(transaction=True)

HEADER = "number,title,TAGS\n"


def spec_of(model: Any = Article, tags: Many | None = None, **meta: Any) -> Any:
    options = {"model": model, "name": "linked", "key": ("number",) if model is Article else ("code",)} | meta
    return type(
        "Linked", (ModelImport,), {"Meta": type("Meta", (), options), "tags": tags or Many("TAGS", to="code")}
    )


def links() -> dict[int, list[str]]:
    return {
        article.number: sorted(article.tags.values_list("code", flat=True))
        for article in Article.objects.order_by("number")
    }


@pytest.fixture(autouse=True)
def tags() -> None:
    Tag.objects.bulk_create(Tag(code=code) for code in ("a", "b", "c"))


def test_each_part_of_a_cell_is_a_link_and_a_missing_one_rejects_the_record(importing: Importing) -> None:
    text = HEADER + "1,x,a|b\n2,x,\n3,x, c | a |a|\n4,x,a|zz\n5,x,not a slug|a\n6,,a\n"
    with temporarily(spec_of()):
        job, result = importing("linked", text)

    assert links() == {1: ["a", "b"], 2: [], 3: ["a", "c"]}
    assert (result.inserted, result.rejected) == (3, 3)
    errors = {record.line: record.errors for record in StagingRecord.objects.filter(job=job)}
    assert errors[5] == [
        {
            "field": "tags",
            "code": "does_not_exist",
            "message": 'There is no tag with code "zz".',
            "value": "zz",
        }
    ]
    assert errors[7][0]["field"] == "title"


def test_an_update_sets_exactly_these_and_counts_what_changed(importing: Importing) -> None:
    with temporarily(spec_of(on_conflict="update")):
        importing("linked", HEADER + "1,x,a|b\n2,x,a\n3,x,a\n")
        identities = dict(Article.objects.values_list("number", "id"))
        _, again = importing("linked", HEADER + "1,x,b|a\n2,x,a\n3,x,a\n")
        _, changed = importing("linked", HEADER + "1,x,b|c\n2,y,a\n3,x,\n4,x,c\n")

    assert (again.unchanged, again.updated) == (3, 0)
    assert (changed.inserted, changed.updated, changed.unchanged) == (1, 3, 0)
    assert links() == {1: ["b", "c"], 2: ["a"], 3: [], 4: ["c"]}
    assert identities.items() <= dict(Article.objects.values_list("number", "id")).items()


def test_rows_that_are_skipped_keep_their_links(importing: Importing) -> None:
    Article.objects.create(number=1, title="x").tags.set(Tag.objects.filter(code="c"))
    with temporarily(spec_of(on_conflict="skip")):
        _, result = importing("linked", HEADER + "1,x,a\n2,x,b\n")

    assert (result.skipped, result.inserted, links()) == (1, 1, {1: ["c"], 2: ["b"]})


@pytest.mark.parametrize("size", [1, 2, 100])
def test_of_several_records_of_one_row_the_last_one_counts(
    importing: Importing, settings: Any, size: int
) -> None:
    settings.IMPORTER |= {"BATCH_SIZE_INITIAL": size, "BATCH_SIZE_MIN": 1}
    Article.objects.create(number=2, title="x").tags.set(Tag.objects.all())
    with temporarily(spec_of(on_conflict="update")):
        importing("linked", HEADER + "1,x,a\n2,x,b\n1,x,b|c\n2,y,a\n2,y,\n1,z,c\n")

    assert links() == {1: ["c"], 2: []}


def test_a_list_of_json_lines_has_its_parts_already(importing: Importing) -> None:
    lines = [
        '{"number": 1, "title": "x", "TAGS": ["a", "b"]}',
        '{"number": 2, "title": "x", "TAGS": []}',
        '{"number": 3, "title": "x", "TAGS": "a|c"}',
        '{"number": 4, "title": "x"}',
        '{"number": 5, "title": "x", "TAGS": [["a"]]}',
    ]
    with temporarily(spec_of()):
        _, result = importing("linked", "\n".join(lines) + "\n", name="source.jsonl")

    assert (result.rejected, links()) == (1, {1: ["a", "b"], 2: [], 3: ["a", "c"], 4: []})


def test_the_column_may_have_any_name(importing: Importing) -> None:
    with temporarily(spec_of(tags=Many("^a$", to="code"))):
        _, result = importing("linked", "number,title,^a$\n1,x,a|b\n")

    assert (result.inserted, links()) == (1, {1: ["a", "b"]})


def test_missing_ones_are_created_once_and_only_for_records_that_are_written(importing: Importing) -> None:
    tags = Many("TAGS", to="code", missing="create", transform=str.lower)
    text = HEADER + "1,x,NEW|a\n2,x,new|Other\n3,,orphan\n4,x,forbidden\n5,x,far too long a tag\n"
    with temporarily(spec_of(tags=tags)):
        job, result = importing("linked", text)

    assert links() == {1: ["a", "new"], 2: ["new", "other"]}
    assert sorted(Tag.objects.values_list("code", flat=True)) == ["a", "b", "c", "new", "other"]
    assert (result.inserted, result.rejected) == (2, 3)
    errors = {record.line: record.errors[0] for record in StagingRecord.objects.filter(job=job)}
    assert errors[5]["message"] == "The tag cannot be created: code: This tag is forbidden."
    assert errors[6]["code"] == "invalid"
    assert "2 tags created, because records refer to them." in make_report(job).notes


def test_without_a_key_and_without_other_columns_and_after_a_replay(importing: Importing) -> None:
    Group.objects.bulk_create([Group(name="editors"), Group(name="staff")])
    spec = type(
        "People",
        (ModelImport,),
        {
            "Meta": type("Meta", (), {"model": get_user_model(), "name": "people"}),
            "email": Column("mail"),
            "password": Constant("!"),
            "groups": Many("ROLES", to="name", separator=";"),
        },
    )
    with temporarily(spec):
        job, result = importing(
            "people", "mail,ROLES\nann@example.com,staff; editors\nbob@example.com,guests\n"
        )
        Group.objects.create(name="guests")
        replayed = replay_rejects(job)

    assert (result.inserted, result.rejected, replayed.inserted) == (1, 1, 1)
    users = get_user_model().objects.all()
    groups = {user.email: sorted(user.groups.values_list("name", flat=True)) for user in users}
    assert groups == {"ann@example.com": ["editors", "staff"], "bob@example.com": ["guests"]}


def test_two_fields_whose_long_names_begin_alike(importing: Importing) -> None:
    """Their rows have keys of different types, and PostgreSQL cuts names to 63 bytes."""
    hull = Hull.objects.create(length=7)
    near, far = ("what_the_readers_of_the_article_call_it", "what_the_readers_of_the_article_call_it_at_home")
    spec = type(
        "Called",
        (ModelImport,),
        {
            "Meta": type("Meta", (), {"model": Article, "name": "called", "key": ("number",)}),
            near: Many("near", to="code"),
            far: Many("far", to="length"),
        },
    )
    with temporarily(spec):
        _, result = importing("called", "number,title,near,far\n1,x,a|b,7\n2,x,,7\n")

    assert result.inserted == 2
    first, second = Article.objects.order_by("number")
    assert {tag.code for tag in getattr(first, near).all()} == {"a", "b"}
    assert [list(getattr(article, far).all()) for article in (first, second)] == [[hull], [hull]]


def test_a_model_that_inherits_and_has_links(importing: Importing) -> None:
    with temporarily(spec_of(Restaurant, on_conflict="update")):
        _, first = importing("linked", "code,TAGS\nr1,a|b\nr2,\n")
        _, second = importing("linked", "code,TAGS\nr1,c\nr2,\nr3,a\n")

    assert (first.inserted, second.inserted, second.updated, second.unchanged) == (2, 1, 1, 1)
    linked = {r.code: sorted(r.tags.values_list("code", flat=True)) for r in Restaurant.objects.all()}
    assert linked == {"r1": ["c"], "r2": [], "r3": ["a"]}


def test_links_of_existing_rows_alone(importing: Importing) -> None:
    Restaurant.objects.create(code="r1", stars=2).tags.set(Tag.objects.filter(code="a"))
    with temporarily(spec_of(Restaurant, on_new="skip")):
        _, result = importing("linked", "code,TAGS\nr1,b\nr2,a\n")

    assert (result.updated, result.skipped) == (1, 1)
    assert [tag.code for tag in Restaurant.objects.get().tags.all()] == ["b"]


def test_a_record_that_a_trigger_drops_has_no_links(importing: Importing) -> None:
    sql = """
        CREATE FUNCTION drops() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN IF NEW.title = 'no' THEN RETURN NULL; END IF; RETURN NEW; END$$;
        CREATE TRIGGER drops BEFORE INSERT ON places_article FOR EACH ROW EXECUTE FUNCTION drops();
    """
    with changed(sql, "DROP FUNCTION drops CASCADE"), temporarily(spec_of()):
        _, result = importing("linked", HEADER + "1,x,a\n2,no,b\n3,x,c\n")

    assert (result.inserted, result.rejected, links()) == (2, 1, {1: ["a"], 3: ["c"]})


def test_a_dry_run_keeps_no_link(importing: Importing) -> None:
    tags = Many("TAGS", to="code", missing="create")
    with temporarily(spec_of(tags=tags)):
        _, result = importing("linked", HEADER + "1,x,a|new\n", dry_run=True)

    assert (result.inserted, Article.objects.count(), Tag.objects.count()) == (1, 0, 3)
    assert not Article.tags.through.objects.exists()


def test_what_cannot_be_filled_is_refused_with_the_way_out(importing: Importing) -> None:
    class Related(ModelImport):
        class Meta:
            model = Article
            name = "linked"

        see_also = Many("SEE", to="number")
        regions = Many("REGIONS", to="code")

    problems = [(problem.id, problem.msg) for problem in check_spec(Related)]
    assert [identity for identity, _ in problems] == ["importer.E017", "importer.E017"]
    assert problems[0][1].endswith(
        'Many on "see_also": it refers to the rows of the import itself; write a spec for places.Article_see_also, and '
        "import it next."
    )
    assert "its rows have a model of their own; write a spec for places.Coverage" in problems[1][1]
    with temporarily(Related), pytest.raises(MappingRefused, match="write a spec for"):
        importing("linked", "number,title,SEE,REGIONS\n1,x,,\n")


def test_a_declaration_that_makes_no_sense_is_refused_at_once() -> None:
    with pytest.raises(ImproperlyConfigured, match='Many on "title", which is not a many-to-many field of'):
        type("Wrong", (ModelImport,), {"Meta": type("Meta", (), {"model": Article}), "title": Many()})
    with pytest.raises(ImproperlyConfigured, match="separator is empty"):
        Many(separator="")
    with pytest.raises(ImproperlyConfigured, match='invalid missing "null"'):
        Many(missing="null")  # type: ignore[arg-type]


def test_explain_tells_how_the_cells_are_read() -> None:
    text = explain(spec_of(tags=Many("TAGS", to="code", separator=";", missing="create")))

    assert 'the parts between ";", each by code; a missing tag is created' in text


@pytest.mark.parametrize(
    ("change", "back", "words"),
    [
        (
            "RENAME TO renamed_links",
            "ALTER TABLE renamed_links RENAME TO {}",
            'has no table "{}" for the many-to-many field',
        ),
        (
            "ADD COLUMN extra int NOT NULL",
            "ALTER TABLE {} DROP COLUMN extra",
            'The table "{}" has a column "extra" without a default that must have a value',
        ),
        (
            "RENAME COLUMN tag_id TO label_id",
            "ALTER TABLE {} RENAME COLUMN label_id TO tag_id",
            'The table "{}" has no column "tag_id"',
        ),
    ],
)
def test_a_table_of_links_that_takes_none_is_refused_before_the_first_record(
    importing: Importing, change: str, back: str, words: str
) -> None:
    table = "places_article_tags"
    with changed(f"ALTER TABLE {table} {change}", back.format(table)):
        with temporarily(spec_of()):
            _, result = importing("linked", HEADER + "1,x,a\n")
        explanation = explain(spec_of())

    assert (result.status, result.read) == ("failed", 0)
    assert words.format(table) in result.reason
    assert result.reason in explanation
