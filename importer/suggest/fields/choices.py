"""Matches the words of a column to the choices of a field."""

from typing import Any

from rapidfuzz import fuzz

from importer.records import escaped, shown
from importer.suggest.fields.options import ColumnOptions, Doubt
from importer.suggest.guess import Alternative
from importer.suggest.names import meaning_of, words_of
from importer.suggest.values.columns import ColumnProfile

MOST_WORDS = 200
RESEMBLES = 75


def guess_choices(
    column: ColumnProfile, field: Any, options: ColumnOptions
) -> tuple[ColumnOptions, list[Doubt]]:
    """Return the options with a choice for each word that is not one, and the doubts about that."""
    choices = {_text(value): str(label) for value, label in field.flatchoices}
    exact = set(choices)
    found: dict[str, str] = {}
    guessed: dict[str, str] = {}
    unknown: list[str] = []
    for word in list(column.values)[:MOST_WORDS]:
        text = word.strip()
        if text in exact:
            continue
        if escaped(text) != text:  # no mapping can name it
            unknown.append(text)
            continue
        if (choice := _same(text, choices)) is not None:
            found[text] = choice
        elif near := _near(text, choices):
            guessed[text] = near
        else:
            unknown.append(text)
    doubts = []
    if guessed:
        word, choice = next(iter(guessed.items()))
        other = _with_values(options, found | guessed)
        doubts.append(
            Doubt(
                f"“{shown(word)}” resembles the choice “{choice}”",
                (Alternative(other, "with what resembles a choice"),),
            )
        )
    if unknown:
        others = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        words = ", ".join(f"“{shown(word)[:40]}”" for word in unknown[:3])
        doubts.append(Doubt(f"no choice is like {words}{others}; name one with values"))
    return (_with_values(options, found) if found else options), doubts


def _with_values(options: ColumnOptions, values: dict[str, str]) -> ColumnOptions:
    given = {name: getattr(options, name) for name in ColumnOptions.__dataclass_fields__}
    return ColumnOptions(**given | {"values": values})


def _text(value: Any) -> str:
    return str.__str__(value) if isinstance(value, str) else str(getattr(value, "value", value))


def _same(text: str, choices: dict[str, str]) -> str | None:
    """Return the choice whose value or label is the text, but for case, blanks and language."""
    words = words_of(text)
    for spell in (lambda t: t, meaning_of):
        found = [
            c
            for c, label in choices.items()
            if words and spell(words) in (spell(words_of(c)), spell(words_of(label)))
        ]
        if len(found) == 1:
            return found[0]
    return None


def _near(text: str, choices: dict[str, str]) -> str:
    scores = {c: max(fuzz.ratio(text.casefold(), c.casefold()), fuzz.ratio(text.casefold(), label.casefold()))
              for c, label in choices.items()}  # fmt: skip
    best = max(scores, key=lambda choice: scores[choice], default="")
    return best if best and scores[best] >= RESEMBLES else ""
