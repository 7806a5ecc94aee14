"""What people ask of importers, a test for each line of the list: a file as others write it, and its rows."""

import gzip
import zipfile
from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from importer import Column, Constant, Dialect, Lookup, Many, ModelImport
from importer.models import DataImportJob
from importer.specs.registry import temporarily
from tests.importer.samples.crm.models import Company, Contact, Everything
from tests.importer.samples.places.models import Article, Region, Restaurant, Tag, Trattoria

pytestmark = pytest.mark.django_db(transaction=True)

Run = Callable[..., DataImportJob]


@pytest.fixture
def run(folder: Path, settings: Any) -> Run:
    """Create and run a job with the commands, with a spec of the test's own."""

    def run(
        model: Any, *sources: str, options: tuple[str, ...] = (), declared: Any = None, **meta: Any
    ) -> Any:
        spec_meta = type("Meta", (), {"model": model, "name": "feature", **meta})
        spec = type("Feature", (ModelImport,), {"Meta": spec_meta, **(declared or {})})
        out = StringIO()
        with temporarily(spec):
            call_command(
                "create_import", "feature", *(str(folder / name) for name in sources), *options, stdout=out
            )
            call_command(
                "run_import", out.getvalue().strip(), "--no-progress", stdout=StringIO(), stderr=StringIO()
            )
        job = DataImportJob.objects.get(pk=out.getvalue())
        assert job.status == "completed", job.error
        return job

    return run


def contacts() -> list[tuple[Any, ...]]:
    return list(Contact.objects.order_by("legacy_id").values_list("legacy_id", "email", "first_name"))


def test_update_only_some_columns_of_existing_rows_and_a_blank_cell_leaves_the_value(
    run: Run, folder: Path
) -> None:
    Contact.objects.create(legacy_id=1, email="a@b.cd", first_name="Ann", balance=7)
    Contact.objects.create(legacy_id=2, email="b@b.cd", first_name="Bob", balance=8)
    (folder / "prices.csv").write_text("legacy_id,balance,first_name\n1,9.50,\n2,,Rob\n3,1,Eve\n")
    keep = {"balance": Column(blank="keep"), "first_name": Column(blank="keep")}

    job = run(Contact, "prices.csv", key=("legacy_id",), on_new="skip", declared=keep)

    assert (job.updated, job.skipped) == (2, 1)
    assert list(Contact.objects.order_by("legacy_id").values_list("balance", "first_name", "email")) == [
        (Decimal("9.50"), "Ann", "a@b.cd"),
        (Decimal("8.00"), "Rob", "b@b.cd"),
    ]


def test_a_constant_for_a_field_that_has_no_column(run: Run, folder: Path) -> None:
    (folder / "users.csv").write_text("email,name\nann@example.com,Ann\n")

    run(get_user_model(), "users.csv", declared={"password": Constant("!")})

    assert get_user_model().objects.get().password == "!"


def test_no_header_and_names_that_are_given(run: Run, folder: Path) -> None:
    (folder / "bare.csv").write_text("1,a@b.cd,Ann\n2,b@b.cd,Bob\n")

    run(Contact, "bare.csv", options=("--no-header", "--columns", "legacy_id,email,first_name"))

    assert contacts() == [(1, "a@b.cd", "Ann"), (2, "b@b.cd", "Bob")]


def test_leading_lines_comment_lines_and_footer_lines(run: Run, folder: Path) -> None:
    text = "Report of 2021\n\nlegacy_id,email\n1,a@b.cd\n# not a record\n2,b@b.cd\nTotal,2\n"
    (folder / "report.csv").write_text(text)

    run(Contact, "report.csv", options=("--skip-lines", "2", "--comment", "#", "--footer-lines", "1"))

    assert [number for number, *_ in contacts()] == [1, 2]


@pytest.mark.parametrize(
    ("line", "name", "options"),
    [
        ('1\ta@b.cd\tAnn "A" Ott', 'Ann "A" Ott', ("--quote", "none", "--delimiter", "tab")),
        ("1,a@b.cd,'Ott, Ann'", "Ott, Ann", ("--quote", "'")),
        ('1,a@b.cd,"Ann \\"A\\" Ott"', 'Ann "A" Ott', ("--escape", "\\")),
        ('1, a@b.cd, "Ott, Ann"', "Ott, Ann", ("--blank-after-delimiter",)),
        ("1||a@b.cd||Ott | Ann", "Ott | Ann", ("--delimiter", "||")),
        ("1|a@b.cd|Ann Ott|", "Ann Ott", ("--delimiter", "|", "--trailing-delimiter")),
    ],
    ids=["no quotes", "other quote", "escape", "blank after", "long delimiter", "trailing delimiter"],
)
def test_quotes_escapes_and_delimiters(
    run: Run, folder: Path, line: str, name: str, options: tuple[str, ...]
) -> None:
    (folder / "odd.csv").write_text(line + "\n")
    names = ("--no-header", "--columns", "legacy_id,email,first_name")

    run(Contact, "odd.csv", options=(*options, *names))

    assert contacts() == [(1, "a@b.cd", name)]


def test_decimal_comma_thousands_currency_percent_and_yes_no_words(run: Run, folder: Path) -> None:
    (folder / "german.csv").write_text(
        "char;text;slug;decimal;real;flag\na;x;x;1.234,50;12,5 %;Ja\nb;x;x;0,5;1 %;Nein\n"
    )
    declared = {
        "decimal": Column(decimal=",", thousands="."),
        "real": Column(transform=lambda text: text.removesuffix("%").strip(), decimal=","),
        "flag": Column(true="Ja", false="Nein"),
    }

    run(Everything, "german.csv", declared=declared, dialect=Dialect(delimiter=";"))

    assert list(Everything.objects.order_by("char").values_list("decimal", "real", "flag")) == [
        (Decimal("1234.50"), 12.5, True),
        (Decimal("0.50"), 1.0, False),
    ]


def test_a_workbook(run: Run, folder: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["Old report"])
    sheet = book.create_sheet("People")
    for row in (["legacy_id", "email", "joined"], [1, "a@b.cd", None], ["0002", "b@b.cd", None]):
        sheet.append(row)
    book.save(folder / "people.xlsx")

    run(Contact, "people.xlsx", options=("--sheet", "People"))

    assert [row[:2] for row in contacts()] == [(1, "a@b.cd"), (2, "b@b.cd")]


def test_missing_parents_are_created(run: Run, folder: Path) -> None:
    (folder / "c.csv").write_text("legacy_id,email,firm\n1,a@b.cd,F1\n2,b@b.cd,F1\n")
    lookup = Lookup("firm", to="code", missing="create", defaults={"name": "unnamed"})

    run(Contact, "c.csv", declared={"company": lookup})

    assert list(Company.objects.values_list("code", "name")) == [("F1", "unnamed")]
    assert Contact.objects.filter(company__code="F1").count() == 2


def test_many_to_many_and_inheritance(run: Run, folder: Path) -> None:
    Tag.objects.bulk_create([Tag(code="a"), Tag(code="b")])
    Region.objects.create(code="IT")
    (folder / "articles.csv").write_text("number,title,tags\n1,x,a|b\n")
    (folder / "places.csv").write_text("code,stars,pasta,tags,where\nr,3,penne,b,IT\n")

    run(Article, "articles.csv", declared={"tags": Many(to="code")})
    run(
        Trattoria,
        "places.csv",
        declared={"tags": Many(to="code"), "region": Lookup("where", to="code")},
    )

    assert sorted(Article.objects.get().tags.values_list("code", flat=True)) == ["a", "b"]
    restaurant = Restaurant.objects.get()
    assert (restaurant.code, restaurant.stars, restaurant.trattoria.pasta) == ("r", 3, "penne")
    assert (restaurant.region.code, restaurant.tags.get().code) == ("IT", "b")


def test_several_files_a_glob_and_an_archive_with_more_than_one_file(run: Run, folder: Path) -> None:
    for number in range(1, 5):
        (folder / f"part-{number}.csv").write_text(f"legacy_id,email\n{number},a@b.cd\n")
    with gzip.open(folder / "part-5.csv.gz", "wb") as packed:
        packed.write(b"email,legacy_id\na@b.cd,5\n")
    with zipfile.ZipFile(folder / "both.zip", "w") as archive:
        archive.writestr("__MACOSX/._six.csv", b"\0\1")
        archive.writestr("six.csv", "legacy_id,email\n6,a@b.cd\n")
        archive.writestr("seven.csv", "legacy_id,email\n7,a@b.cd\n")

    run(Contact, "part-1.csv", "part-[23].csv")
    run(Contact, "part-4.csv", "part-5.csv.gz")
    run(Contact, "both.zip")

    assert [number for number, *_ in contacts()] == [1, 2, 3, 4, 5, 6, 7]


def test_fixed_width(run: Run, folder: Path) -> None:
    (folder / "host.txt").write_text("0001a@b.cd    Ann\n0002b@b.cd    Zoë\n")

    run(
        Contact,
        "host.txt",
        options=(
            "--widths",
            "4,10,3",
            "--no-header",
            "--columns",
            "legacy_id,email,first_name",
            "--format",
            "csv",
        ),
    )

    assert contacts() == [(1, "a@b.cd", "Ann"), (2, "b@b.cd", "Zoë")]
