"""Whatever a fast lane accepts, Django accepts, and saves as the same value."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest
from django.db import models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importer import Column, ModelImport
from importer.batches import Batch
from importer.records import Position
from importer.specs.compile import compile_mapping
from importer.specs.mapping import ColumnPlan
from importer.validate.validate import Validator
from importer.validate.values.judge import Judge
from importer.validate.values.lanes import lane_of
from importer.validate.values.layouts import as_iso, layouts_of
from tests.importer.samples.crm.imports import EverythingImport, VariantsImport
from tests.importer.samples.crm.models import Everything, Variants
from tests.importer.validate import border_texts
from tests.importer.validate.plain_django import AnyField, saved_texts, stored_texts

pytestmark = pytest.mark.django_db

BLANK = ("slug", "email", "url")
FIELDS: list[AnyField] = [
    *(field for field in Variants._meta.concrete_fields if not field.primary_key),
    *(field for field in Everything._meta.concrete_fields if field.name in BLANK),
]
FAST = [field for field in FIELDS if lane_of(field).fast]
SLOW = [field for field in FIELDS if not lane_of(field).fast]
by_name = pytest.mark.parametrize("field", FIELDS, ids=str)
many = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)

EVERYDAY = {
    models.CharField: ["abc", "x y", "äö"],
    models.TextField: ["abc", "x y\nz", "äö"],
    models.SlugField: ["a-b_1"],
    models.EmailField: ["ann.o+x@example.com", "Ann@Example.COM"],
    models.URLField: ["https://www.example.com/a", "http://Example.org/?q=1&r=a%20b#top"],
    models.IntegerField: ["0", "7", "112"],
    models.DecimalField: ["0.75", "12.34", "7"],
    models.FloatField: ["0.5", "-12.25", "7", "1e-05", "2.5E+10", "0.14285714285714285"],
    models.BooleanField: ["True", "False", "1", "0", "t", "f"],
    models.DateField: ["2024-02-29", "1999-12-31"],
    models.DateTimeField: [
        "2024-02-29 12:34:56", "2024-02-29T12:34:56.789Z", "2024-02-29 12:34+01:00", "2024-02-29 12:34:56 -0330",
        "2024-02-29 12:34:56.1234567Z",
    ],
    models.TimeField: ["12:34", "23:59:59.5"],
    models.UUIDField: ["12345678-1234-5678-1234-567812345678"],
    models.DurationField: [
        "1 02:03:04", "2 days, 3:04:05", "3 days 04:05:06.789", "04:05:06", "5:06", "7", "86.5", "P1DT2H3M4S", "PT5M",
    ],
    models.GenericIPAddressField: ["192.0.2.1", "2001:db8::1", "2001:DB8:0:1:1:1:1:1", "::1", "::"],
    models.JSONField: [
        '{"a": 1}', '[1, -2.5, "x", true, null]', '{"a":{"b":[{"c":"\\u00e9\\n"}]}}', ' "text"\n', "7", "false",
        '"\\ud83d\\ude00"', "[0.14285714285714285]", "[[[[[[[1]]]]]]]",
    ],
}  # fmt: skip


def plan_for(field: AnyField) -> ColumnPlan:
    spec = VariantsImport if field.model is Variants else EverythingImport
    names = [f.name for f in field.model._meta.concrete_fields if not f.primary_key]
    return next(plan for plan in compile_mapping(spec, names).columns if plan.field is field)


def plan_with(column: Column, field: str) -> ColumnPlan:
    class Spec(ModelImport):
        class Meta:
            model = Everything
            fields = ("char", field)

    Spec.declared = {field: column}
    return next(plan for plan in compile_mapping(Spec, ["char", field]).columns if plan.field.name == field)


def batch_of(column: str, texts: Sequence[str | None]) -> Batch:
    frame = pl.DataFrame({column: texts}, schema={column: pl.String()})
    return Batch(
        frame, pl.int_range(1, frame.height + 1, eager=True), Position(0, 1), Position(1, frame.height + 1)
    )


def accepted_fast(field: AnyField, texts: Sequence[str]) -> dict[int, str]:
    """Return the lane's own answer for texts that are not empty; empty ones are handled outside it."""
    lane = lane_of(field).fast
    assert lane
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String()}).select(lane(pl.col("text")))
    values = frame.to_series().to_list()
    return {number: value for number, value in enumerate(values) if value is not None and texts[number]}


def validated(plan: ColumnPlan, texts: Sequence[str | None]) -> dict[int, str | None]:
    """Return the texts that both lanes together accept, with their values."""
    cleaned = Validator([plan], "default").validate(batch_of(plan.column, texts))
    values = cleaned.values.get_column(plan.target).to_list()
    return {number: value for number, value in enumerate(values) if number not in cleaned.errors}


def judge_of(plan: ColumnPlan) -> Judge:
    return Validator([plan], "default").judge_of(plan)


def shown(answers: dict[int, Any], texts: Sequence[Any]) -> dict[Any, Any]:
    return {texts[number]: answer for number, answer in answers.items()}


@pytest.mark.parametrize("field", FAST, ids=str)
def test_the_lane_accepts_no_border_text_that_django_would_not_save_as_that(field: AnyField) -> None:
    texts = border_texts.IN_FILES

    accepted = accepted_fast(field, texts)

    saved = saved_texts(field, texts)
    assert shown(stored_texts(field, accepted), texts) == {
        texts[n]: saved.get(n, "refused") for n in accepted
    }


@by_name
def test_both_lanes_together_answer_as_django_does_at_every_border(field: AnyField) -> None:
    texts = border_texts.IN_FILES

    answers = validated(plan_for(field), texts)

    assert shown(stored_texts(field, answers), texts) == shown(saved_texts(field, texts), texts)


@pytest.mark.parametrize("field", Variants._meta.concrete_fields[1:], ids=str)
@many
@given(texts=st.lists(border_texts.texts, min_size=1, max_size=40))
def test_both_lanes_together_answer_as_django_does_to_any_text(field: AnyField, texts: list[str]) -> None:
    answers = validated(plan_for(field), texts)

    assert shown(stored_texts(field, answers), texts) == shown(saved_texts(field, texts), texts)


ODD = {
    "address_required": border_texts.addresses,
    "address_four": border_texts.addresses,
    "address_six": border_texts.addresses,
    "address_unpacked": border_texts.addresses,
    "data_required": border_texts.documents,
    "data_encoded": border_texts.documents,
    "duration_required": border_texts.durations,
    "moment_required": border_texts.moments,
    "email_required": border_texts.names,
    "url_required": border_texts.names,
    "real_required": border_texts.numbers,
    "real_between": border_texts.numbers,
    "decimal_between": border_texts.numbers,
}


@pytest.mark.parametrize("name", ODD)
@settings(many, max_examples=40)
@given(data=st.data())
def test_lanes_of_odd_types_answer_as_django_does_to_texts_of_their_kind(
    name: str, data: st.DataObject
) -> None:
    field = Variants._meta.get_field(name)
    kind = ODD[name]
    texts = data.draw(st.lists(st.one_of(kind, border_texts.damaged(kind)), min_size=1, max_size=60))

    answers = validated(plan_for(field), texts)
    accepted = accepted_fast(field, texts)

    saved = saved_texts(field, texts)
    assert shown(stored_texts(field, answers), texts) == shown(saved, texts)
    assert shown(stored_texts(field, accepted), texts) == {
        texts[n]: saved.get(n, "refused") for n in accepted
    }


@pytest.mark.parametrize("name", ["address_required", "address_six", "address_unpacked"])
def test_equal_addresses_are_equal_texts_in_either_lane(name: str) -> None:
    """They may be keys, which are compared as texts within a batch."""
    field = Variants._meta.get_field(name)
    judge = judge_of(plan_for(field))

    accepted = shown(accepted_fast(field, border_texts.ADDRESSES), border_texts.ADDRESSES)

    assert accepted == {text: judge(text)[0] for text in accepted}


def test_a_message_without_its_parameters_rejects_the_record_and_not_the_run() -> None:
    """Django puts the field's message, with a protocol, in place of the message of a RegexValidator."""
    field = Variants._meta.get_field("address_private")

    value, errors = judge_of(plan_for(field))("192.0.2.1")

    assert value is None
    assert [error.message for error in errors] == ["Enter a valid %(protocol)s address."]


@pytest.mark.parametrize("name", ["char", "char_blank", "char_null", "integer", "moment", "data"])
def test_a_judge_rejects_what_is_no_unicode(name: str) -> None:
    plan = plan_for(next(field for field in Everything._meta.concrete_fields if field.name == name))

    value, errors = judge_of(plan)("\ud800")

    assert value is None
    assert errors


@by_name
def test_nothing_is_null_or_blank_as_the_field_allows(field: AnyField) -> None:
    texts = ["", None]

    answers = validated(plan_for(field), texts)

    assert stored_texts(field, answers) == saved_texts(field, texts)


@pytest.mark.parametrize("field", [field for field in FAST if field.name != "decimal_fraction"], ids=str)
def test_a_lane_accepts_everyday_values(field: AnyField) -> None:
    """A lane that accepts nothing would pass every other test here."""
    kind = next(cls for cls in type(field).__mro__ if cls in EVERYDAY)
    saved = saved_texts(field, EVERYDAY[kind])

    accepted = accepted_fast(field, EVERYDAY[kind])

    assert accepted.keys() == saved.keys()


def test_the_fields_of_a_site_keep_the_lane_only_while_they_clean_as_djangos() -> None:
    lanes = {field.name: bool(lane_of(field).fast) for field in Variants._meta.concrete_fields}

    assert lanes["char_renamed"]
    assert not lanes["char_shouting"]
    assert not lanes["char_no_spam"]
    assert not lanes["cents"]
    assert not lanes["even"]


@pytest.mark.parametrize("field", SLOW, ids=str)
def test_a_field_without_a_lane_says_why(field: AnyField) -> None:
    assert len(lane_of(field).why.split()) > 3


# Formats: the vectorised strptime against Python's

FORMATS = [
    "%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y%m%d", "%d %m, %Y", "%Y-%m-%d %H:%M:%S",
    "%m/%d/%Y %H:%M", "%d.%m.%YT%H:%M:%S", "%H:%M %Y-%m-%d", "%Y-%m-%d %H", "%Y-%m-%d %M", "%Y-%m-%d %S",
    "%Y-%m-%d %H:%S", "%Y:%m:%d", "%d/%m/%y", "%d %b %Y", "%Y-%j", "%Y-%m-%d %I:%M %p", "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S%z", "%Y-%m", "%H:%M", "%y%m%d", "%d/%m/%y %H:%M:%S.%f", "%f %Y-%m-%d %H:%M:%S", "%Y %y-%m-%d",
    "%m%d %Y", "%Y-%m %d%H%M", "%d.%m.%Y%%",
]  # fmt: skip
SEVERAL_FORMATS = [
    ("%m/%d/%Y", "%d/%m/%Y"), ("%Y-%m-%d", "%d.%m.%Y"), ("%d.%m.%Y", "%Y-%m-%d", "%m/%d/%Y"), ("%Y%m%d", "%d%m%Y"),
    ("%Y-%m-%d", "%Y%m%d"), ("%d/%m/%y", "%d/%m/%Y"), ("%d/%m/%Y", "%d/%m/%y"), ("%d.%m.%Y %H:%M", "%d.%m.%Y"),
    ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"), ("%d %b %Y", "%d %m %Y"), ("%d %m %Y", "%d  %m %Y"),
    ("%m%d %Y", "%m %d%Y"), ("%d/%m/%Y", "%d %b %Y", "%d.%m.%Y"), ("%H:%M %d/%m/%Y", "%d/%m/%Y %H:%M"),
]  # fmt: skip
rendered = st.tuples(st.datetimes(), st.sampled_from(FORMATS)).map(lambda pair: pair[0].strftime(pair[1]))
dated = st.one_of(
    rendered,
    rendered.map(lambda text: re.sub(r"\b0([0-9])", r"\1", text)),
    rendered.flatmap(
        lambda text: st.tuples(
            st.integers(0, len(text)), st.sampled_from(["", " ", "\n", "0", "٣", "-", "１"])
        ).map(lambda change: text[: change[0]] + change[1] + text[change[0] + (not change[1]) :])
    ),
    st.from_regex(r"[0-3]?[0-9][/.-][0-3]?[0-9][/.-][0-9]{2,4}( [0-2]?[0-9]:[0-6][0-9])?", fullmatch=True),
    border_texts.border,
)


@pytest.mark.parametrize("name", ["date", "moment", "time"])
@pytest.mark.parametrize(
    "formats",
    [*((format_,) for format_ in FORMATS), *SEVERAL_FORMATS],
    ids=lambda formats: " or ".join(formats),
)
@settings(many, max_examples=6)
@given(data=st.data())
def test_formats_are_read_as_strptime_reads_them(
    name: str, formats: tuple[str, ...], data: st.DataObject
) -> None:
    own = st.tuples(st.datetimes(), st.sampled_from(formats)).map(lambda pair: pair[0].strftime(pair[1]))
    unpadded = own.map(lambda text: re.sub(r"\b0([0-9])", r"\1", text))
    texts = data.draw(st.lists(st.one_of(own, unpadded, dated), min_size=1, max_size=40))
    plan = plan_with(Column(formats=formats), name)

    answers = validated(plan, texts)

    judge = judge_of(plan)
    judged = {number: judge(text or None) for number, text in enumerate(texts)}
    expected = {number: value for number, (value, errors) in judged.items() if not errors}
    field = plan.field
    assert shown(stored_texts(field, answers), texts) == shown(stored_texts(field, expected), texts)


@pytest.mark.parametrize(
    ("formats", "count"),
    [
        (("%m/%d/%Y", "%d/%m/%Y"), 2), (("%Y-%m-%d", "%d.%m.%y"), 2), (("%Y%m%d", "%d%m%Y"), 1), (("%d %b %Y",
        "%Y-%m-%d"), 0),
        (("%d/%m/%Y %H:%M:%S.%f", "%d/%m/%Y"), 2), (("%Y-%j",), 0), (("%d/%m/%Y", "%d/%m/%Y"), 2), (("%H:%M",), 0),
    ],
)  # fmt: skip
def test_formats_are_read_by_place_until_one_has_none_or_could_be_taken_for_another(
    formats: tuple[str, ...], count: int
) -> None:
    assert len(layouts_of(formats)) == count


def test_dates_are_read_by_place_with_or_without_zeros() -> None:
    texts = pl.Series(["31.12.2024", "1.2.2024", "1/2/68", "01/02/69", "1/2/8", "2024-1-5", "1.2.24"])

    read = as_iso(texts, layouts_of(("%d.%m.%Y", "%m/%d/%y")), with_clock=False)

    assert read.to_list() == ["2024-12-31", "2024-02-01", "2068-01-02", "1969-01-02", None, None, None]


@pytest.mark.parametrize("order", [("%m/%d/%Y", "%d/%m/%Y"), ("%Y-%m-%d", "%d.%m.%Y")])
def test_the_first_format_that_fits_wins(order: tuple[str, str]) -> None:
    plan = plan_with(Column(formats=order), "date")

    answers = validated(plan, ["01/02/2024", "31/01/2024", "2024-01-31", "31.01.2024"])

    assert set(answers.values()) <= {"2024-01-02", "2024-01-31"}
    assert len(answers) == 2


# Transforms: expressions against the functions that they replace

TRANSFORMS: list[tuple[Callable[[str], Any], ...]] = [
    (str.lower,), (str.upper,), (str.strip,), (str.lstrip,), (str.rstrip,), (str.strip, str.lower),
    (str.upper, str.lstrip), (str.title,), (str.strip, str.casefold), (str.swapcase, str.rstrip),
]  # fmt: skip
BLANKS = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u2003\u2028"
spacious = st.text(st.one_of(st.sampled_from(BLANKS + "aZİßΣſKı\0"), border_texts.characters), max_size=8)


@pytest.mark.parametrize(
    "functions", TRANSFORMS, ids=lambda functions: "+".join(f.__name__ for f in functions)
)
@many
@given(texts=st.lists(spacious, min_size=1, max_size=40))
def test_vectorised_transforms_answer_as_python_does(
    functions: tuple[Callable[[str], Any], ...], texts: list[str]
) -> None:
    plan = plan_with(Column(transform=functions), "text")

    answers = validated(plan, texts)

    expected: dict[int, str] = {}
    for number, text in enumerate(texts):
        value = text
        for function in functions:
            value = function(value) if text else ""
        if "\0" not in value:
            expected[number] = value
    assert shown(answers, texts) == shown(expected, texts)


def test_a_transform_may_return_what_it_likes() -> None:
    answers: dict[str, Any] = {
        "surrogate": "\ud800", "nothing": None, "number": 7, "bytes": b"x", "nul": "a\0b", "fine": "ok", "blank": "",
    }  # fmt: skip
    plan = plan_with(Column(transform=answers.__getitem__), "text")

    accepted = validated(plan, [*answers, "not among them"])

    assert shown(accepted, [*answers, "not among them"]) == {
        "nothing": "", "number": "7", "bytes": "b'x'", "fine": "ok", "blank": "",
    }  # fmt: skip


def test_a_column_of_nothing_but_nulls_is_transformed_too() -> None:
    plan = plan_with(Column(transform=str.title), "text")

    assert validated(plan, ["", None, ""]) == {0: "", 1: "", 2: ""}
