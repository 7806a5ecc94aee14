"""Suggests how a file fills a model, and gives the options of a mapping."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models.fields import NOT_PROVIDED

from importer.models import ImportMapping
from importer.specs.offered import is_sensitive
from importer.specs.tables import parent_links
from importer.suggest.fields.key import guess_key
from importer.suggest.fields.match import Match, known_names, match_fields
from importer.suggest.fields.references import MayAsk, anybody
from importer.suggest.file.file_guess import Asked, FileGuess
from importer.suggest.file.guess_file import guess_file
from importer.suggest.guess import Guess
from importer.suggest.values.columns import ColumnProfile, profiles_of


@dataclass(frozen=True, slots=True)
class Unfilled:
    """A required field that no column fills, and what can be done."""

    field: str
    advice: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """How a file fills a model. Every guess has its reason; `doubts` lists what a person must look at."""

    source: str
    model: type[models.Model]
    file: FileGuess
    matches: tuple[Match, ...]
    key: Guess[tuple[str, ...]]
    null_values: tuple[str, ...]
    unfilled: tuple[Unfilled, ...]

    @property
    def filled(self) -> tuple[Match, ...]:
        """The columns that fill a field."""
        return tuple(match for match in self.matches if match.field.value)

    @property
    def ignored(self) -> tuple[Match, ...]:
        """The columns that nothing takes."""
        return tuple(match for match in self.matches if not match.field.value)

    def doubts(self) -> list[str]:
        """Return one sentence for each doubt."""
        told = [
            f"{part}: {guess.evidence}"
            for part, guess in [("format", self.file.format), *self.file.parts.items()]
            if guess.is_doubtful
        ]
        for match in self.matches:
            reasons = [match.field.evidence] if match.field.is_doubtful else []
            reasons += [doubt.evidence for doubt in match.doubts]
            reasons += [match.reference.evidence] if match.reference and match.reference.is_doubtful else []
            told += [f'column "{match.column.name}": {reason}' for reason in reasons]
        told += [f"key: {self.key.evidence}"] if self.key.is_doubtful else []
        return [*told, *(f'required field "{each.field}": {each.advice}' for each in self.unfilled)]

    def spec_options(self) -> dict[str, Any]:
        """Return the options of a mapping, as JSON. What is doubtful is in it as guessed."""
        fields, lookups = {}, {}
        for match in self.filled:
            name, nulls = match.field.value, self.nulls_of(match)
            if match.reference:
                found = match.reference.value
                lookup: dict[str, Any] = {"columns": [match.column.name], "to": [found.to]}
                lookups[name] = lookup | ({"null_values": nulls} if nulls else {})
            else:
                given = {key: value for key, value in match.options.as_json().items() if key != "null_values"}
                fields[name] = {
                    "column": match.column.name,
                    **given,
                    **({"null_values": nulls} if nulls else {}),
                }
        options: dict[str, Any] = {
            "format": self.file.format.value,
            "encoding": self.file.encoding,
            "sheet": self.file.sheet,
            "dialect": self.file.dialect_options(),
            "key": list(self.key.value),
            "null_values": list(self.null_values),
            "fields": fields,
            "lookups": lookups,
        }
        return {key: value for key, value in options.items() if value or key in ("fields", "lookups")}

    def nulls_of(self, match: Match) -> list[str]:
        """Return the words that mean nothing in a column, if they are others than in the whole file."""
        own = match.options.null_values
        return list(own) if set(own) - set(self.null_values) else []


def suggest(
    source: str,
    model: type[models.Model],
    earlier: ImportMapping | None = None,
    asked: Asked | None = None,
    may_ask: MayAsk = anybody,
) -> Suggestion:
    """Suggest how a source fills a model, by a bounded sample.

    source   a path, `s3://BUCKET/KEY` or `storage:ALIAS/NAME`
    earlier  the mapping of the last file of this kind, whose columns are taken as they were
    asked    what somebody has said of the file
    may_ask  of which models the person may know which rows exist; default: all

    Asks the database which values of the sample name rows of other models. Raises SourceRefused.
    """
    file = guess_file(source, known_names(model), asked)
    return suggest_for(file, source, model, earlier, may_ask)


def suggest_for(
    file: FileGuess,
    source: str,
    model: type[models.Model],
    earlier: ImportMapping | None = None,
    may_ask: MayAsk = anybody,
) -> Suggestion:
    """Suggest how a file fills a model, where it is known already how the file is written."""
    profiles = profiles_of(file.texts)
    matches = tuple(match_fields(model, profiles, fields_of(earlier), may_ask))
    return Suggestion(
        source,
        model,
        file,
        matches,
        guess_key(model, matches, file.texts),
        _common_nulls(profiles),
        tuple(_unfilled(model, {match.field.value for match in matches})),
    )


def fields_of(earlier: ImportMapping | None) -> dict[str, str]:
    """Return the fields of an earlier mapping, by the names of their columns."""
    if earlier is None:
        return {}
    options = earlier.options
    fields = {given.get("column", name): name for name, given in options.get("fields", {}).items()}
    return fields | {
        column: name
        for name, given in options.get("lookups", {}).items()
        for column in given.get("columns", [name])
    }


def _common_nulls(profiles: Sequence[ColumnProfile]) -> tuple[str, ...]:
    """Return the words that mean nothing in every column that has them."""
    nulls = Counter(word for profile in profiles for word in profile.null_words.value)
    seen = Counter(
        word for profile in profiles for word in {text.strip() for text in profile.values} if word in nulls
    )
    common = [word for word in nulls if not seen[word]]
    return ("", *common) if common else ()


def _unfilled(model: type[models.Model], filled: set[str]) -> list[Unfilled]:
    links = {link for link, _ in parent_links(model)}
    return [
        Unfilled(field.name, _advice(field))
        for field in model._meta.concrete_fields
        if field.name not in filled and field not in links and _is_required(field)
    ]


def _is_required(field: Any) -> bool:
    if field.has_default() or field.db_default is not NOT_PROVIDED or getattr(field, "generated", False):
        return False
    is_given = (
        isinstance(field, models.AutoField)
        or getattr(field, "auto_now", False)
        or getattr(field, "auto_now_add", False)
    )
    return not is_given and not field.null and not (field.blank and field.empty_strings_allowed)


def _advice(field: Any) -> str:
    if is_sensitive(field.name):
        return "no file may fill it; declare a Constant in Python"
    if field.is_relation:
        return f"name the column that holds its {field.related_model._meta.verbose_name}, or a Constant"
    return "name its column, or a Constant for all new rows"
