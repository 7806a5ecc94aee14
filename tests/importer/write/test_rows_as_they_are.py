"""`Model.clean()`, check constraints and unique sets see the row's values in fields that are not filled."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from importer.models import DataImportJob, StagingRecord
from tests.importer.conftest import Importing
from tests.importer.samples.order.models import Account, Article

pytestmark = pytest.mark.django_db(transaction=True)
RECORDS = [
    ("a", "one"),
    ("b", "two"),
    ("a", "three"),
    ("c", "reset"),
    ("d", "new"),
    ("d", "again"),
    ("e", "new"),
]


def articles() -> list[Any]:
    return list(Article.objects.order_by("code").values_list("code", "title", "slug", "data", "views"))


def there_before() -> None:
    Article.objects.all().delete()
    Article.objects.create(code="c", title="old", slug="old-slug", views=101)
    Article.objects.create(code="e", title="old", slug="kept", views=5)


def rejected(job: DataImportJob) -> list[tuple[int, str]]:
    records = StagingRecord.objects.filter(job=job).order_by("line")
    return [(record.line, record.errors[0]["code"]) for record in records]


@pytest.mark.parametrize("batch", [1, 100])
@pytest.mark.parametrize("spec", ["order.article", "order.article-update"])
def test_clean_sees_the_row_and_may_change_every_field(
    importing: Importing, settings: Any, *, spec: str, batch: int
) -> None:
    there_before()
    for code, title in RECORDS:
        row = Article.objects.filter(code=code).first() if spec.endswith("update") else None
        row = row or Article()
        row.code, row.title, row.data = code, title, {}
        try:
            row.full_clean()
            row.save()
        except ValidationError:
            continue
    expected = articles()
    there_before()
    settings.IMPORTER |= dict.fromkeys(("BATCH_SIZE_MIN", "BATCH_SIZE_INITIAL", "BATCH_SIZE_MAX"), batch)

    importing(spec, "code,title,data\n" + "".join(f"{code},{title},\n" for code, title in RECORDS))

    assert articles() == expected


def test_what_clean_changes_and_nobody_writes_ends_the_job(importing: Importing) -> None:
    _, result = importing("order.article", "code,title,data\na,number,\n")

    assert (result.status, Article.objects.count()) == ("failed", 0)
    assert result.reason.startswith(
        'Article.clean() sets "number", which this import leaves to the database; '
    )


def test_an_update_is_judged_with_the_values_of_the_row(importing: Importing) -> None:
    Account.objects.create(code="a", floor=-5, balance=50)
    Account.objects.create(code="b", floor=-9, balance=-1, branch="B")
    Account.objects.create(code="c", floor=-8, balance=-1)

    job, result = importing(
        "order.account-update",
        "code,floor\n"
        "a,40\n"  # would fail with the default balance
        "b,0\n"  # would pass with it
        "b,-8\n"  # taken in the default branch, free in its own
        "a,-8\n"  # taken in its own
        "d,1\n"  # a new one has the default
        "e,-1\n",
    )

    assert (result.updated, result.inserted) == (2, 1)
    assert rejected(job) == [(3, "check"), (5, "unique_together"), (6, "check")]
    assert list(Account.objects.order_by("code").values_list("code", "floor", "balance", "branch")) == [
        ("a", 40, 50, "A"),
        ("b", -8, -1, "B"),
        ("c", -8, -1, "A"),
        ("e", -1, 0, "A"),
    ]
