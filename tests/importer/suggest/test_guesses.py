"""What the guesses rest on: each of these cases shows its reason, or its doubt."""

from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from importer.suggest.fields.match import Match
from importer.suggest.file.file_guess import Asked
from importer.suggest.file.guess_file import guess_file
from importer.suggest.suggestion import Suggestion, suggest
from importer.suggest.values.columns import profiles_of
from tests.importer.samples.crm.models import Company, Contact
from tests.importer.samples.domains.models import Category, Customer, Employee, Invoice, Product, Quote

pytestmark = pytest.mark.django_db


def suggestion_of(folder: Path, text: str, model: Any, name: str = "file.csv", **options: Any) -> Suggestion:
    path = folder / name
    path.write_text(text)
    return suggest(str(path), model, **options)


def match_of(suggestion: Suggestion, column: str) -> Match:
    return next(match for match in suggestion.matches if match.column.name == column)


def test_numbers_of_the_other_table_are_found_by_chance_so_that_is_doubtful(folder: Path) -> None:
    for n in range(1, 10):
        Category.objects.create(pk=n, slug=f"s{n}", name="x")

    found = match_of(suggestion_of(folder, "sku,category_id\nA,1\nB,2\nC,3\n", Product), "category_id")

    assert found.reference is not None
    assert (found.reference.value.to, found.reference.is_doubtful) == ("pk", True)
    assert "by chance" in found.reference.evidence


def test_parents_that_are_not_there_yet_are_a_doubt(folder: Path) -> None:
    found = match_of(
        suggestion_of(folder, "invoice_number,customer number\n1,C1\n2,C2\n", Invoice), "customer number"
    )

    assert found.reference is not None
    assert found.reference.value.to == "number"
    assert "no customers yet" in found.reference.evidence


def test_whoever_may_not_see_the_parents_learns_nothing_of_them(folder: Path) -> None:
    Company.objects.create(code="SECRET", name="x")
    text = "legacy_id,email,company\n1,a@example.com,SECRET\n2,b@example.com,OTHER\n"

    asked = match_of(suggestion_of(folder, text, Contact), "company")
    hidden = match_of(
        suggestion_of(folder, text, Contact, may_ask=lambda model: model is not Company), "company"
    )

    assert asked.reference is not None
    assert "1 of 2 values" in asked.reference.evidence
    assert hidden.reference is not None
    assert hidden.reference.is_doubtful
    assert "1 of 2" not in hidden.reference.evidence


def test_the_old_number_goes_to_the_field_for_it_as_a_doubt(folder: Path) -> None:
    found = suggestion_of(folder, "ID,full name\n7,Anna\n8,Bert\n", Employee)

    assert match_of(found, "ID").field.value == "legacy_id"
    assert match_of(found, "ID").is_doubtful
    assert found.key.value == ("legacy_id",)
    assert found.key.is_doubtful


def test_an_id_without_such_a_field_becomes_the_primary_key_as_a_doubt(folder: Path) -> None:
    found = match_of(suggestion_of(folder, "id,symbol\n7,A\n8,B\n", Quote), "id")

    assert (found.field.value, found.field.is_doubtful) == ("id", True)
    assert "primary keys" in found.field.evidence


def test_what_decides_about_rights_is_never_offered(folder: Path, django_user_model: Any) -> None:
    text = "email,password,is_superuser,is_staff,is_active,groups\na@example.com,pbkdf2$x,1,1,1,admins\n"

    found = suggestion_of(folder, text, django_user_model)

    assert [match.column.name for match in found.filled] == ["email"]
    offered = {other.value for match in found.matches for other in match.field.alternatives}
    assert not offered & {"password", "is_superuser", "is_staff", "is_active", "groups"}


def test_two_columns_for_one_field_are_a_doubt(folder: Path) -> None:
    found = suggestion_of(folder, "number,E-Mail,e_mail\n1,a@example.com,x@example.com\n", Customer)

    assert [m.field.value for m in found.matches if m.field.value == "email"] == ["email"]
    assert match_of(found, "E-Mail").is_doubtful
    assert "could fill it as well" in match_of(found, "E-Mail").field.evidence


def test_a_word_that_resembles_a_choice_is_a_doubt(folder: Path) -> None:
    found = match_of(
        suggestion_of(folder, "number,tier\n1,Profesional\n2,Enterprise\n3,free\n4,Platinum\n", Customer),
        "tier",
    )

    assert found.options.values == {"Enterprise": "enterprise"}
    told = " ".join(doubt.evidence for doubt in found.doubts)
    assert "“Profesional” resembles the choice “pro”" in told
    assert "no choice is like “Platinum”" in told


@pytest.mark.parametrize(
    ("values", "decimal", "thousands", "confidence"),
    [
        (["1,5", "2,25"], ",", "", "sure"),
        (["1.5", "2.25"], ".", "", "sure"),
        (["1.234,5", "7"], ",", ".", "sure"),
        (["1,234.5", "7"], ".", ",", "sure"),
        (["1,234", "7,890"], ".", ",", "doubtful"),
        (["1.234", "7.890"], ".", "", "doubtful"),
        (["1.234", "1500"], ".", "", "sure"),
        (["0.234", "7.890"], ".", "", "sure"),
        (["1,234,567", "1,234"], ".", ",", "sure"),
        (["1 234,50", "99,00"], ",", " ", "sure"),
        (["1'234.50", "99.00"], ".", "'", "sure"),
        (["1.234,50", "99,00", "1.000"], ",", ".", "sure"),
    ],
)
def test_signs_in_numbers(
    folder: Path, values: list[str], decimal: str, thousands: str, confidence: str
) -> None:
    path = folder / "numbers.csv"
    path.write_text("a;b\n" + "".join(f"x;{value}\n" for value in values))

    numbers = profiles_of(guess_file(str(path)).texts)[1].numbers

    assert numbers is not None
    assert (numbers.value.decimal, numbers.value.thousands, numbers.confidence) == (
        decimal,
        thousands,
        confidence,
    )


@pytest.mark.parametrize(
    ("values", "text", "confidence"),
    [
        (["31.01.2020", "01.02.2020"], "%d.%m.%Y", "sure"),
        (["01/31/2020", "01/02/2020"], "%m/%d/%Y", "sure"),
        (["01/02/2020", "03/04/2020"], "%d/%m/%Y", "doubtful"),
        (["05/05/2020", "07/07/2020"], "%d/%m/%Y", "doubtful"),
        (["2020-01-31"], "%Y-%m-%d", "sure"),
        (["20200131", "20191224"], "%Y%m%d", "sure"),
        (["Jan 5, 2020", "Feb 6, 2020"], "%b %d, %Y", "sure"),
        (["05-JAN-99", "06-FEB-01"], "%d-%b-%y", "sure"),
        (["31/12/2020 23:59", "1/1/2021 00:00"], "%d/%m/%Y %H:%M", "sure"),
        (["12/31/2020 11:59 PM"], "%m/%d/%Y %I:%M %p", "sure"),
        (["2020-01-31T10:00:00Z"], "%Y-%m-%dT%H:%M:%S%z", "sure"),
        (["31.12.99", "01.01.00"], "%d.%m.%y", "sure"),
        (["01.02.03", "02.03.04"], "%d.%m.%y", "doubtful"),
    ],
)
def test_orders_of_dates(folder: Path, values: list[str], text: str, confidence: str) -> None:
    path = folder / "dates.csv"
    path.write_text("a;b\n" + "".join(f"x;{value}\n" for value in values))

    dates = profiles_of(guess_file(str(path)).texts)[1].dates

    assert dates is not None
    assert (dates.value.text, dates.confidence) == (text, confidence)


def test_what_one_column_proves_settles_the_others(folder: Path) -> None:
    path = folder / "dates.csv"
    path.write_text(
        "from;to;a;b\n" + "".join(f"0{n}/02/2020;{n + 20}/02/2020;1.234;{n},5\n" for n in range(1, 8))
    )

    first, _, number, _ = profiles_of(guess_file(str(path)).texts)

    assert first.dates is not None
    assert (first.dates.value.order, first.dates.confidence) == ("DMY", "likely")
    assert number.numbers is not None
    assert (number.numbers.value.thousands, number.numbers.confidence) == (".", "likely")


@pytest.mark.parametrize(
    ("values", "nulls", "confidence"),
    [
        (["1", "NA", "3"], ("NA",), "likely"),
        (["2020-01-01", "0000-00-00"], ("0000-00-00",), "likely"),
        (["Anna", "NULL", "Bert"], ("NULL",), "likely"),
        (["DE", "NA", "FR"], (), "doubtful"),
        (["Anna", "-", "Bert"], (), "doubtful"),
        (["Anna", "Bert"], (), "sure"),
    ],
)
def test_words_for_nothing(folder: Path, values: list[str], nulls: tuple[str, ...], confidence: str) -> None:
    path = folder / "nulls.csv"
    path.write_text("a;b\n" + "".join(f"x;{value}\n" for value in values * 3))

    words = profiles_of(guess_file(str(path)).texts)[1].null_words

    assert (words.value, words.confidence) == (nulls, confidence)


def test_a_header_with_one_name_twice_gets_numbers(folder: Path) -> None:
    path = folder / "twice.csv"
    path.write_text("name,amount,amount\nAnna,1,2\nBert,3,4\n")

    guess = guess_file(str(path))

    assert guess.columns == ("name", "amount", "amount_2")
    assert (guess.parts["header"].value, guess.parts["skip_lines"].value) == (False, 1)
    assert guess.texts.rows() == [("Anna", "1", "2"), ("Bert", "3", "4")]


def test_what_somebody_says_is_not_guessed(folder: Path) -> None:
    path = folder / "said.csv"
    path.write_bytes("name|city\nMüller|Köln\n".encode("cp850"))

    guess = guess_file(str(path), asked=Asked(encoding="cp850", delimiter="|"))

    assert guess.columns == ("name", "city")
    assert guess.texts.rows() == [("Müller", "Köln")]
    assert guess.parts["encoding"].evidence == "as given"


def test_a_sheet_among_several_is_chosen_by_its_header(folder: Path) -> None:
    path = folder / "book.xlsx"
    book = xlsxwriter.Workbook(str(path))
    for name, header in (("Old", ["a", "b"]), ("Quotes", ["symbol", "date", "price"])):
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, header)
        sheet.write_row(1, 0, ["x", "2020-01-01", 1.5][: len(header)])
    book.close()

    found = suggest(str(path), Quote)

    assert found.file.sheet == "Quotes"
    assert [other.value for other in found.file.parts["sheet"].alternatives] == ["Old"]
    assert [match.field.value for match in found.matches] == ["symbol", "date", "price"]


def test_a_required_field_that_nothing_fills_is_told_with_its_way_out(folder: Path) -> None:
    found = suggestion_of(folder, "legacy_id\n1\n", Contact)

    assert [(each.field, each.advice) for each in found.unfilled] == [
        ("email", "name its column, or a Constant for all new rows")
    ]


def test_the_key_is_what_is_unique_in_the_table_and_in_the_sample(folder: Path) -> None:
    unique = suggestion_of(folder, "number;first name\n1;Anna\n2;Bert\n", Customer)
    repeated = suggestion_of(folder, "number;first name\n1;Anna\n1;Bert\n", Customer)

    assert (unique.key.value, unique.key.confidence) == (("number",), "sure")
    assert (repeated.key.value, repeated.key.confidence) == ((), "doubtful")


def test_a_title_that_is_padded_with_delimiters_is_not_the_header(folder: Path) -> None:
    path = folder / "padded.csv"
    path.write_text("Export of 3 November;;;\nname;code;city;since\nAnn;A1;Bern;2020\nBob;B2;Rome;2021\n")

    assert guess_file(str(path)).columns == ("name", "code", "city", "since")
