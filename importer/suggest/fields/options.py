"""Says how a field reads a column: as arguments of a `Column`, as JSON, and as Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from importer.specs.declarations import Column
from importer.specs.notation import ALIKE
from importer.specs.stored import column_of
from importer.suggest.guess import Alternative, Guess, percent
from importer.suggest.values.columns import ColumnProfile
from importer.suggest.values.dates import DateFormat
from importer.suggest.values.numbers import NumberFormat

NUMBERS = (models.IntegerField, models.DecimalField, models.FloatField)
# The words that Django reads as a boolean by itself.
DJANGOS = {"True", "t", "1", "False", "f", "0"}
# More blanks than some typing errors.
PADDED = 0.01


@dataclass(frozen=True, slots=True)
class ColumnOptions:
    """The arguments of a `Column` beyond its name; only those that differ from its own."""

    formats: tuple[str, ...] = ()
    decimal: str = ""
    thousands: str = ""
    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    null_values: tuple[str, ...] = ()
    strip: bool = False
    values: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the options that are set, as JSON."""
        given = {name: getattr(self, name) for name in self.__dataclass_fields__ if getattr(self, name)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()} | (
            {"values": dict(self.values)} if self.values else {}
        )

    def as_column(self, name: str) -> Column:
        return column_of(name, self.as_json())


@dataclass(frozen=True, slots=True)
class Doubt:
    """A doubt about the values of a column, and the options that other readings need."""

    evidence: str
    alternatives: tuple[Alternative[ColumnOptions], ...] = ()


def options_for(profile: ColumnProfile, model_field: Any) -> tuple[ColumnOptions, list[Doubt]]:
    """Return how a field reads a column, and the doubts about that."""
    strip = profile.padded > PADDED and not isinstance(model_field, NUMBERS)
    options = ColumnOptions(
        null_values=("", *profile.null_words.value) if profile.null_words.value else (), strip=strip
    )
    doubts = []
    if profile.null_words.is_doubtful:
        doubts.append(Doubt(profile.null_words.evidence))
    if isinstance(model_field, models.DateField):  # and times of a day, which derive from it
        return _of_dates(profile, model_field, options, doubts)
    if isinstance(model_field, NUMBERS):
        return _of_numbers(profile, options, doubts)
    if isinstance(model_field, models.BooleanField) and profile.booleans:
        return _of_booleans(profile.booleans, options, doubts)
    return options, doubts


def reading_of(profile: ColumnProfile, options: ColumnOptions) -> str:
    """Say why values are read as the options say; empty if nothing is special about them, or it is doubtful."""
    told = []
    guesses = (
        (options.formats, profile.dates),
        (options.decimal or options.thousands, profile.numbers),
        (options.true or options.false, profile.booleans),
    )
    told += [guess.evidence for is_used, guess in guesses if is_used and guess and not guess.is_doubtful]
    if options.null_values and not profile.null_words.is_doubtful:
        told.append(profile.null_words.evidence)
    if options.strip:
        told.append(f"{percent(profile.padded)} of the values have blanks around them")
    return "; ".join(told)


def _with(options: ColumnOptions, **changes: Any) -> ColumnOptions:
    given = {name: getattr(options, name) for name in ColumnOptions.__dataclass_fields__}
    return ColumnOptions(**given | changes)


def _of_dates(
    profile: ColumnProfile, model_field: Any, options: ColumnOptions, doubts: list[Doubt]
) -> tuple[ColumnOptions, list[Doubt]]:
    guess = profile.dates
    if guess is None:
        return options, doubts

    def read(found: DateFormat) -> ColumnOptions:
        is_moment = isinstance(model_field, models.DateTimeField)
        is_read = found.is_iso and (is_moment or not found.has_time)
        return options if is_read else _with(options, formats=(found.text,))

    if guess.is_doubtful:
        others = tuple(Alternative(read(other.value), other.evidence) for other in guess.alternatives)
        doubts = [*doubts, Doubt(guess.evidence, others)]
    return read(guess.value), doubts


def _of_numbers(
    profile: ColumnProfile, options: ColumnOptions, doubts: list[Doubt]
) -> tuple[ColumnOptions, list[Doubt]]:
    guess = profile.numbers
    if guess is None:
        return options, doubts

    def read(found: NumberFormat) -> ColumnOptions:
        if found.is_plain:
            return options
        thousands = found.thousands
        if thousands:
            thousands = next((sign for sign, alike in ALIKE.items() if thousands in alike), thousands)
        decimal = found.decimal if found.decimal != "." else ""
        return _checked_signs(_with(options, decimal=decimal, thousands=thousands))

    if guess.is_doubtful:
        others = tuple(Alternative(read(other.value), other.evidence) for other in guess.alternatives)
        doubts = [*doubts, Doubt(guess.evidence, others)]
    if around := guess.value.around:
        told = f"“{around}” beside the numbers: the check proposes to take it away, a spec does it by a transform"
        doubts = [*doubts, Doubt(told)]
    return read(guess.value), doubts


def _checked_signs(options: ColumnOptions) -> ColumnOptions:
    """Name the decimal sign too where the thousands sign is the one that it has by default."""
    return _with(options, decimal=",") if options.thousands == "." and not options.decimal else options


def _of_booleans(
    guess: Guess[Any], options: ColumnOptions, doubts: list[Doubt]
) -> tuple[ColumnOptions, list[Doubt]]:
    words = guess.value
    if guess.is_doubtful:
        doubts = [*doubts, Doubt(f"{guess.evidence}; what is false, or true, is not known")]
    if {*words.true, *words.false} <= DJANGOS:
        return options, doubts
    return _with(
        options, true=tuple(w for w in words.true if w), false=tuple(w for w in words.false if w)
    ), doubts
