"""Numbers and booleans as people write them, by columns and one by one with the same answer."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from hypothesis import given
from hypothesis import strategies as st

from importer import Column, ModelImport
from importer.models import StagingRecord
from importer.specs.dialect import Dialect
from importer.specs.notation import Notation
from importer.specs.registry import temporarily
from importer.validate.values.notation import plain_column, plain_text
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Contact, Everything

GERMAN = Notation(",", ".")
FRENCH = Notation(",", " ")
SWISS = Notation("", "'")
ENGLISH = Notation(thousands=",")
COMMA = Notation(",")


@pytest.mark.parametrize(
    ("notation", "text", "number"),
    [
        (GERMAN, "1.234,50", "1234.50"),
        (GERMAN, "1234,5", "1234.5"),
        (GERMAN, "-1.234.567", "-1234567"),
        (GERMAN, " +7 ", "7"),
        (FRENCH, "1 234 567,89", "1234567.89"),
        (FRENCH, "1\u202f234,5", "1234.5"),
        (FRENCH, "1\u00a0234", "1234"),
        (SWISS, "1'234.50", "1234.50"),
        (SWISS, "1\u2019234", "1234"),
        (ENGLISH, "1,234,567.8", "1234567.8"),
        (COMMA, "0,5", "0.5"),
    ],
)
def test_a_number_is_read_as_it_is_written(notation: Notation, text: str, number: str) -> None:
    assert plain_text(text, notation) == number
    assert by_column(notation, [text]) == [number]


@pytest.mark.parametrize(
    ("notation", "text"),
    [
        (GERMAN, "12.34"), (GERMAN, "1.5"), (GERMAN, "1,234.50"), (GERMAN, "1.2345,0"), (GERMAN, "1.234.5"),
        (GERMAN, ",5"), (GERMAN, "5,"), (GERMAN, ""), (GERMAN, "--5"), (GERMAN, "1e5"), (GERMAN, "\u0661"),
        (COMMA, "1.5"), (COMMA, "1.234,5"), (ENGLISH, "1,23,456"), (SWISS, "1''234"), (FRENCH, "1  234"),
    ],
)  # fmt: skip
def test_another_notation_is_rejected_and_never_guessed(notation: Notation, text: str) -> None:
    with pytest.raises(ValidationError, match="is not a number written with"):
        plain_text(text, notation)
    assert by_column(notation, [text]) == [None]


def by_column(notation: Notation, texts: list[str]) -> list[str | None]:
    return (
        pl.DataFrame({"text": texts}, schema={"text": pl.String})
        .select(plain_column(pl.col("text"), notation))
        .to_series()
        .to_list()
    )


@given(st.lists(st.text(alphabet="0123456789.,'+- \u00a0\u2019x\n", max_size=12), max_size=20))
def test_columns_and_single_texts_are_read_alike(texts: list[str]) -> None:
    for notation in (GERMAN, FRENCH, SWISS, ENGLISH, COMMA):
        for text, plain in zip(texts, by_column(notation, texts), strict=True):
            try:
                assert plain_text(text, notation) == plain
            except ValidationError:
                assert plain is None


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=2))
def test_what_is_written_is_read_again(number: Decimal) -> None:
    written = f"{number:,.2f}".translate(str.maketrans(",.", ".,"))

    assert Decimal(plain_text(written, GERMAN)) == number


class Prices(ModelImport):
    class Meta:
        model = Everything
        name = "notation"
        fields = ("char",)

    decimal = Column("PREIS", decimal=",", thousands=".")
    integer = Column("MENGE", decimal=",", thousands=".")
    real = Column("QUOTE", transform=lambda text: text.removesuffix(" %"), decimal=",")
    flag = Column("AKTIV", true=("Ja", "Y", "0"), false=("Nein", "N", "1"))


@pytest.mark.django_db(transaction=True)
def test_an_import_reads_them(importing: Importing) -> None:
    rows = [
        "a;1.234,50;1.000;12,5 %;Ja", "b;0,5;7;3;N", "c;;;;", "d;12.34;1;1;Ja", "e;1;1,5;1;Ja", "f;1;1;1;vielleicht",
        "g;1;1;1.5 %;Y", "h;-1;-1.000;-0,5;1", "i;1;1;1;True", "j;1;1;1;0",
    ]  # fmt: skip
    with temporarily(Prices):
        job, _ = importing(
            "notation", "char;PREIS;MENGE;QUOTE;AKTIV\n" + "\n".join(rows) + "\n", delimiter=";"
        )

    values = Everything.objects.order_by("char").values_list("char", "decimal", "integer", "real", "flag")
    assert list(values) == [
        ("a", Decimal("1234.50"), 1000, 12.5, True),
        ("b", Decimal("0.5"), 7, 3.0, False),
        ("c", None, None, None, None),
        ("h", Decimal(-1), -1000, -0.5, False),
        ("i", 1, 1, 1, True),
        ("j", 1, 1, 1, True),
    ]
    rejected = StagingRecord.objects.filter(job=job).order_by("line")
    assert [record.errors[0]["field"] for record in rejected] == ["decimal", "integer", "flag", "real"]
    assert '“12.34” is not a number written with "," before decimals' in rejected[0].errors[0]["message"]


@pytest.mark.django_db(transaction=True)
def test_a_dialect_speaks_for_every_number_without_a_notation_of_its_own(importing: Importing) -> None:
    class Euro(ModelImport):
        class Meta:
            model = Everything
            name = "euro"
            dialect = Dialect(delimiter=";", decimal=",", thousands=".")

        real = Column("real", decimal=".")

    with temporarily(Euro):
        importing("euro", "char;decimal;integer;real\n1,5;1.234,50;1.000;2.5\n")
        importing("euro", '{"char": "json", "decimal": 1234.5}\n', name="s.jsonl")

    values = Everything.objects.order_by("id").values_list("char", "decimal", "integer", "real")
    assert list(values) == [("1,5", Decimal("1234.50"), 1000, 2.5), ("json", Decimal("1234.50"), None, None)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"thousands": "."}, "both the decimal and the thousands sign"),
        ({"decimal": ",", "thousands": ","}, "both the decimal"),
        ({"decimal": ",,"}, 'invalid decimal ",,"'),
        ({"thousands": "0"}, "invalid thousands"),
        ({"true": ("Y", "J"), "false": ("J",)}, '"J" is both true and false'),
    ],
)
def test_contradictions_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words):
        Column(**options)


@pytest.mark.parametrize(
    ("field", "column", "words"),
    [
        ("email", Column(decimal=","), "is not a number"),
        ("company", Column(decimal=","), "is not a number"),
        ("email", Column(true="Y"), "is not a boolean"),
    ],
)
def test_a_notation_must_fit_the_field(field: str, column: Column, words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words):
        type("Wrong", (ModelImport,), {"Meta": type("Meta", (), {"model": Contact}), field: column})
