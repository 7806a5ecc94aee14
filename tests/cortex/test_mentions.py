"""Whether a text names a person, as decided by tracking and by the importer, in Python and in PostgreSQL."""

from types import SimpleNamespace
from typing import Any

import pytest

import importer.privacy.mentions
import tracking.privacy.mentions
from cortex.models import User
from tracking.models import ActivityLog

MODULES = [importer.privacy.mentions, tracking.privacy.mentions]
NAMED = [
    "ann@example.com",
    " Ann@Example.COM ",
    "mail to ann@example.com.",
    "(ann@example.com), <ann@example.com>; 'ann@example.com'",
    "Ann@example.com's report",
    "Key (email)=(ann@example.com) already exists.",
    "mailto:ann@example.com?subject=x",
    "/users/?q=ann%40example.com&x=1",
    "/users/?q=x+ann%40Example.com",
    "first line\\nann@example.com",
    "first line\nann@example.com\n",
    '{"email": "ann@example.com"}',
    "bob@example.com,ann@example.com",
    "/srv/legacy/ann@example.com.csv.gz",
]
NOT_NAMED = [
    "joann@example.com",
    "jo.ann@example.com",
    "jo+ann@example.com",
    "jo-ann@example.com",
    "ann@example.community",
    "ann@example.com.au",
    "ann@example.com.csvx",
    "ann@example.org",
    "ann_example.com",
    "bob@example.com",
    "",
]


def person(module: Any, name: str = "ann@example.com", email: str = "") -> Any:
    user = User(email=name)
    if email:
        user = SimpleUser(name, email)  # type: ignore[assignment]
    return module.Person.of(user)


class SimpleUser(SimpleNamespace):
    """Users with names besides addresses."""

    def __init__(self, name: str, email: str) -> None:
        super().__init__(name=name, mail=email)

    def get_username(self) -> str:
        return str(self.name)

    @classmethod
    def get_email_field_name(cls) -> str:
        return "mail"


def test_both_apps_have_the_same_rules() -> None:
    ours, theirs = (open(module.__file__).read() for module in MODULES)  # noqa: SIM115

    assert ours == theirs


@pytest.mark.parametrize("text", NAMED)
def test_an_address_is_found(text: str) -> None:
    assert person(tracking.privacy.mentions).is_named_in(text)


@pytest.mark.parametrize("text", NOT_NAMED)
def test_a_part_of_a_longer_address_is_not(text: str) -> None:
    assert not person(tracking.privacy.mentions).is_named_in(text)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("ann", "Ann was here", True),
        ("ann", "annual", False),
        ("ann", "ann@example.org", False),
        ("ann", "ann.lee", False),
        ("ann", "mary-ann", False),
        ("ann", "/users/ann/", True),
        ("jo", "jo", True),
        ("jo", "jo and others", False),  # two letters are a word in some language
        ("josé", "JOSÉ", True),
        ("josé", "Jose\u0301 said", True),  # decomposed
        ("josé", "jose", False),
        ("жанна", "от Жанна.", True),
        ("a.b*c", "a.b*c", True),
        ("a.b*c", "aXb*c", False),
    ],
)
def test_names_are_whole_words(name: str, text: str, expected: bool) -> None:
    assert person(tracking.privacy.mentions, name, "someone@example.net").is_named_in(text) is expected


def test_json_is_searched_at_any_depth_and_keys_by_addresses_alone() -> None:
    ann = person(tracking.privacy.mentions, "name", "ann@example.com")

    assert ann.is_quoted_in({"a": [{"b": "to Ann@example.com"}]})
    assert ann.is_quoted_in({"ann@example.com": 1})
    assert ann.is_quoted_in({"a": "name"})
    assert not ann.is_quoted_in({"name": "x", "b": [1, None, True]})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("ann@example.com", text) for text in NAMED],
        ("josé", "JOSÉ"),
        ("josé", "Jose\u0301 said"),
        ("жанна", "от Жанна."),
        ('an"n\\x', 'an"n\\x'),
        ("100%_x", "100%_x"),
        ("o'ann", "o'ann"),
    ],
)
def test_the_database_leaves_nothing_out(name: str, value: str) -> None:
    """The query only preselects rows, so it must find every row that Python would."""
    ann = person(tracking.privacy.mentions, name, "someone@example.net")
    row = ActivityLog.objects.create(action="x", metadata={"a": [value]})
    other = ActivityLog.objects.create(action="x", metadata={"a": "nothing"})
    assert ann.is_quoted_in(row.metadata)

    rows = ActivityLog.objects.all()
    pages = tracking.privacy.mentions.pages_that_may_name(rows, ann, "metadata", "entity_id", size=10)
    found = [row for page in pages for row in page]

    assert row in found
    assert other not in found or not tracking.privacy.mentions.PLAIN.findall(name)


@pytest.mark.django_db
def test_pages_are_complete_also_while_rows_change() -> None:
    made = {ActivityLog.objects.create(action="x").pk for _ in range(7)}

    seen = []
    for page in tracking.privacy.mentions.in_pages(ActivityLog.objects.all(), 3):
        ActivityLog.objects.filter(pk=page[0].pk).delete()
        seen += [row.pk for row in page]

    assert sorted(seen) == sorted(made)


@pytest.mark.django_db
@pytest.mark.parametrize("rows", [0, 2, 3, 7, 9])
def test_each_statement_reads_a_window_and_all_of_them_every_row(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(tracking.privacy.mentions, "WINDOW", 3)
    ann = person(tracking.privacy.mentions)
    made = [ActivityLog.objects.create(action="x", metadata={"n": "ann@example.com"}).pk for _ in range(rows)]

    pages = tracking.privacy.mentions.pages_that_may_name(ActivityLog.objects.all(), ann, "metadata", size=2)

    assert [row.pk for page in pages for row in page] == made
