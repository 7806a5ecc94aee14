"""A translated pattern finds a match in no text in which Python's finds none."""

import re
from typing import Any

import polars as pl
import pytest
from django.contrib.auth.validators import ASCIIUsernameValidator, UnicodeUsernameValidator
from django.core import validators
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importer.validate.values.patterns import translate

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # of "--" in a set

TRANSLATED = [
    r"^\+\d{6,15}$", r"^[A-Z]{2}-\d{4}\Z", r"\A(?:a|bc)+\Z", r"^[^<>]*$", r"\bword\b", r"^.{3}$", r"[\w.@+-]+",
    r"\S\D\W", r"^$", r"a|", r"x*", r"^(?P<a>\d)-(\d)$", r"[]^-]", r"[&&--~~[:alpha:]]", r"^\d+?(\.\d{1,2})?$",
    r"\x41\u00e9\t", r"ä[ä-ü]", r"^(a|b$)+", r"[\d\s]", r"[^\s\w]", r"^#? \{", r"(a{2}){3}", "a\0b", r"a{0,0}",
]  # fmt: skip
LEFT_TO_PYTHON = [
    r"(?=a)", r"(?!a)b", r"(?<=a)b", r"(a)\1", r"(?i:a)", r"a\B", r"(a*)*", r"(?:a|)+", r"a{1001}", "(?:a{1000}){1000}",
    "\ud800", b"bytes", re.compile("^a$", re.MULTILINE), re.compile("ä", re.IGNORECASE), r"a++", r"(?>a)",
]  # fmt: skip
VALIDATORS = [
    validators.validate_slug, validators.validate_unicode_slug, validators.validate_comma_separated_integer_list,
    validators.int_list_validator(sep=";", allow_negative=True), UnicodeUsernameValidator(), ASCIIUsernameValidator(),
]  # fmt: skip
# Characters about which engines and versions of Unicode disagree, beside ordinary ones.
CHARACTERS = " aAbBkKsSzZiIw_09-.+\n\r\t\v\x00\x1c\x1f\x85\xa0٣²äÄßſKİıⅧ😀"
texts = st.lists(st.text(st.sampled_from(CHARACTERS), max_size=6), min_size=1, max_size=30)
flags = st.sampled_from([0, 0, re.ASCII, re.IGNORECASE, re.DOTALL, re.VERBOSE, re.IGNORECASE | re.ASCII])

characters = st.sampled_from(list(CHARACTERS)).map(re.escape)
classes = st.sampled_from([r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", "."])
ranges = st.sampled_from(["a-z", "A-z", "0-9", r"\d", r"\W", r"\s", r"\S", "ä-ü"])
sets = st.tuples(
    st.sampled_from(["[", "[^"]),
    st.lists(st.one_of(characters, ranges), min_size=1),
).map(lambda parts: f"{parts[0]}{''.join(parts[1])}]")
anchors = st.sampled_from(["^", "$", r"\A", r"\Z", r"\b"])
repetitions = st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{2,}", "{,2}"])
patterns = st.recursive(
    st.one_of(characters, classes, sets, anchors),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.tuples(inner, repetitions).map(lambda parts: f"(?:{parts[0]}){parts[1]}"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
    ),
    max_leaves=10,
)


def compare(pattern: Any, texts: list[str]) -> None:
    """Assert that what is found is found by Python too, and that what is missed is missed by Python too."""
    translation = translate(pattern)
    if translation is None:
        return
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String()})
    answers = frame.select(found=translation.finds(pl.col("text")), missed=translation.misses(pl.col("text")))

    wrong = [
        text
        for text, found, missed in zip(texts, answers["found"], answers["missed"], strict=True)
        if (found and not pattern.search(text)) or (missed and pattern.search(text))
    ]

    assert wrong == []


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(pattern=patterns, flag=flags, texts=texts)
def test_a_translation_finds_and_misses_nothing_but_what_python_does(
    pattern: str, flag: int, texts: list[str]
) -> None:
    try:
        compiled = re.compile(pattern, flag)
    except re.error:
        return

    compare(compiled, texts)


@pytest.mark.parametrize("pattern", TRANSLATED)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_everyday_patterns_are_translated(pattern: str, data: st.DataObject) -> None:
    compiled = re.compile(pattern)
    matching = data.draw(st.lists(st.from_regex(compiled), min_size=1, max_size=10))

    assert translate(compiled)
    compare(compiled, [*matching, *(f"{text}\n" for text in matching), *data.draw(texts)])


@pytest.mark.parametrize("pattern", LEFT_TO_PYTHON, ids=str)
def test_what_engines_read_otherwise_is_left_to_python(pattern: Any) -> None:
    assert translate(re.compile(pattern)) is None


@pytest.mark.parametrize("validator", VALIDATORS, ids=lambda validator: validator.regex.pattern)
def test_the_patterns_that_come_with_django_are_translated(validator: validators.RegexValidator) -> None:
    translation = translate(validator.regex)

    assert translation
    found = pl.DataFrame({"text": ["1", "ä", "a\n", " "]}).select(translation.finds(pl.col("text")))
    assert found.to_series().to_list() == [True, False, False, False]
