"""However a table is written, each guess about it is right, or marked doubtful; never silently wrong."""

import csv
import datetime as dt
import io
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importer.suggest.file.file_guess import FileGuess
from importer.suggest.file.guess_file import guess_file
from importer.suggest.values.columns import ColumnProfile, profiles_of

NAMES = {
    "utf-8": ["Müller", "Zoë", "Łukasz", "Иван", "O'Neil", "José", "Anna", "Li"],
    "cp1252": ["Müller", "Zoë", "Jürgen", "O'Neil", "José", "Anna", "Šimon", "Bjørn", "François", "50 €"],
    "cp1250": ["Łukasz", "Dvořák", "Żaneta", "Kovács", "Anna", "Müller", "Şerban"],
    "mac_roman": ["Müller", "François", "Zoë", "José", "Anna", "Björn"],
    "cp850": ["Müller", "Jürgen", "Groß", "José", "Anna", "Søren"],
    "cp437": ["Müller", "Jürgen", "Groß", "José", "Anna"],
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", *NAMES]
DELIMITERS = [",", ";", "\t", "|", "||", "~|~", "::", "^"]
FORMATS = [
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d", "%Y/%m/%d", "%d-%m-%Y", "%d.%m.%y", "%m/%d/%y", "%Y%m%d",
    "%d-%b-%Y", "%m-%d-%Y", "%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M:%S", "%m.%d.%Y",
]  # fmt: skip
SIGNS = [(".", ""), (",", ""), (",", "."), (".", ","), (",", " "), (".", "'"), (".", " ")]
WORDS = [("yes", "no"), ("Ja", "Nein"), ("1", "0"), ("true", "false"), ("Y", "N"), ("oui", "non"), ("T", "F")]


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a table and how it is written."""
    encoding = draw(st.sampled_from(ENCODINGS))
    number = draw(st.integers(4, 40))
    names = NAMES.get(encoding, NAMES["utf-8"])
    some = random.Random(draw(st.integers(0, 2**32)))
    first, span = (dt.date(2020, 1, 1), 12) if draw(st.booleans()) else (dt.date(1990, 1, 1), 14_000)
    most = draw(st.sampled_from([900, 10**4, 10**7]))
    records = [
        (
            some.randint(1, 10**6),
            some.choice(names),
            first + dt.timedelta(days=some.randrange(span)),
            some.randint(-most, most),
            some.random() < 0.5,
            some.choice(["", "a note", "x, y; z", 'said "hi"', "1|2", "-"]),
        )
        for _ in range(number)
    ]
    return {
        "records": records,
        "encoding": encoding,
        "delimiter": draw(st.sampled_from(DELIMITERS)),
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        "format": draw(st.sampled_from(FORMATS)),
        "signs": draw(st.sampled_from(SIGNS)),
        "places": draw(st.sampled_from([0, 1, 2, 3])),
        "words": draw(st.sampled_from(WORDS)),
        "header": draw(st.booleans()),
        "before": draw(st.sampled_from([0, 0, 1, 3])),
        "end": draw(st.sampled_from(["\n", "\r\n"])),
    }


def number_text(value: int, places: int, signs: tuple[str, str]) -> str:
    decimal, thousands = signs
    text = f"{abs(value) / 10**places:,.{places}f}"
    text = text.replace(",", "\0").replace(".", decimal).replace("\0", thousands)
    return f"-{text}" if value < 0 else text


def written(table: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the text of a file, and its numbers as they are written."""
    numbers = [number_text(record[3], table["places"], table["signs"]) for record in table["records"]]
    yes, no = table["words"]
    rows = [
        [r[0], r[1], r[2].strftime(table["format"]), text, yes if r[4] else no, r[5]]
        for r, text in zip(table["records"], numbers, strict=True)
    ]
    if table["header"]:
        rows.insert(0, ["id", "who", "when", "amount", "flag", "note"])
    lines = [f"Report line {n}" for n in range(table["before"])]
    return table["end"].join([*lines, *(joined(row, table) for row in rows)]) + table["end"], numbers


def joined(row: list[Any], table: dict[str, Any]) -> str:
    """Write a record; delimiters of several characters take the place of one that no value has."""
    mark = table["delimiter"] if len(table["delimiter"]) == 1 else "\x1f"
    out = io.StringIO()
    writer = csv.writer(out, delimiter=mark, quoting=table["quoting"], lineterminator="")
    writer.writerow(row)
    return out.getvalue().replace(mark, table["delimiter"])


@pytest.mark.django_db
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(table=tables())
def test_each_guess_is_right_or_doubtful(folder: Path, table: dict[str, Any]) -> None:
    text, numbers = written(table)
    data = text.encode(table["encoding"])
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".csv") as file:
        file.write(data)
        file.flush()

        guess = guess_file(file.name)

    assert list(faults(table, guess, data, numbers)) == []


def faults(table: dict[str, Any], guess: FileGuess, data: bytes, numbers: list[str]) -> Iterator[str]:
    """Yield each guess that is wrong and shows no doubt."""
    parts = guess.parts
    if not parts["encoding"].is_doubtful and data.decode(guess.encoding, "replace").lstrip(
        "\ufeff"
    ) != data.decode(table["encoding"]).lstrip("\ufeff"):
        yield f"encoding {guess.encoding}, not {table['encoding']}: {parts['encoding'].evidence}"
    if parts["delimiter"].is_doubtful:
        return
    if parts["delimiter"].value != table["delimiter"]:
        yield f"delimiter {parts['delimiter']}"
        return
    if parts["header"].value != table["header"]:
        if not parts["header"].is_doubtful:
            yield f"header {parts['header']}"
        return
    if parts["skip_lines"].value != table["before"]:
        yield f"skip_lines {parts['skip_lines']}"
        return
    if guess.texts.height != len(table["records"]):
        yield f"{guess.texts.height} records, not {len(table['records'])}"
        return
    profiles = profiles_of(guess.texts)
    yield from faults_of_dates(table, profiles[2])
    yield from faults_of_numbers(table, profiles[3], numbers)


def faults_of_dates(table: dict[str, Any], profile: ColumnProfile) -> Iterator[str]:
    found = profile.dates
    days = {record[2] for record in table["records"]}
    if found is None:
        yield f"no dates: {profile.kind}"
    elif not found.is_doubtful:
        for day in days:
            text = day.strftime(table["format"])
            read = dt.datetime.strptime(text, found.value.text).date()  # noqa: DTZ007 (a day)
            if read != day:
                yield f"{text} was read as {read} by {found}"
                return


def faults_of_numbers(table: dict[str, Any], profile: ColumnProfile, numbers: list[str]) -> Iterator[str]:
    if profile.null_words.is_doubtful or profile.kind.is_doubtful:
        return
    if profile.booleans and not profile.booleans.is_doubtful:
        return
    found = profile.numbers
    if found is None:
        yield f"no numbers: {profile.kind} {profile.examples}"
        return
    if found.is_doubtful:
        return
    for record, text in zip(table["records"], numbers, strict=True):
        plain = text.replace(found.value.thousands, "") if found.value.thousands else text
        plain = plain.replace(found.value.decimal, ".") if found.value.decimal != "." else plain
        try:
            value = float(plain)
        except ValueError:
            yield f"{text} cannot be read by {found}"
            return
        if abs(value - record[3] / 10 ** table["places"]) > 1e-9:
            yield f"{text} was read as {value} by {found}"
            return
