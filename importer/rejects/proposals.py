"""Proposes repairs of a family: only those that make the field's own validation accept its values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from importer.records import SHOWN_CHARACTERS
from importer.rejects.families import RejectedFamily
from importer.rejects.reading import Reading
from importer.rejects.rules import Rule, rewritten
from importer.specs.mapping import ColumnPlan
from importer.suggest.fields.choices import guess_choices
from importer.suggest.fields.options import ColumnOptions
from importer.suggest.values.columns import profiles_of
from importer.suggest.values.dates import ORDERS

GENERAL = (
    Rule("trim"),
    Rule("null"),
    Rule("number", ","),
    Rule("number", "."),
    *(Rule("date", order) for order in ORDERS),
    Rule("date"),
)
# Proposals of one family, which a person can read.
MOST = 6


@dataclass(frozen=True, slots=True)
class Proposal:
    """A repair that helps.

    records  how many of those that were looked at
    changes  the new text of each value, as the column writes it; that of most records first
    """

    column: str
    rule: Rule
    records: int
    changes: dict[str, str]

    @property
    def old(self) -> str:
        """The value of most records."""
        return next(iter(self.changes))

    @property
    def new(self) -> str:
        return self.changes[self.old]


def proposals_for(family: RejectedFamily, reading: Reading) -> list[Proposal]:
    """Return the repairs that make values of the family valid, those of most records first."""
    plan = reading.plans.get(family.reason.field)
    return proposals_of(family.values, plan, reading) if plan else []


def proposals_of(values: Mapping[str, int], plan: ColumnPlan, reading: Reading) -> list[Proposal]:
    """Return the repairs that make values of a column valid, those of most records first.

    values  rejected ones with their numbers, the most frequent first
    """
    # An error quotes the beginning of a longer value.
    values = {text: number for text, number in values.items() if len(text) < SHOWN_CHARACTERS}
    if not values:
        return []
    # The fault may be elsewhere: in the database, or in what the value refers to.
    fine = reading.accepted(plan, values)
    values = {text: number for text, number in values.items() if text not in fine}
    found: list[Proposal] = []
    seen: set[tuple[tuple[str, str], ...]] = set()
    for rule in (*GENERAL, *_words(values, plan)):
        changes = changes_by(rule, values, plan, reading)
        if changes and (same := tuple(sorted(changes.items()))) not in seen:
            seen.add(same)
            found.append(Proposal(plan.column, rule, sum(values[text] for text in changes), changes))
    found = _undisputed(found)
    found.sort(key=lambda proposal: -proposal.records)
    return found[:MOST]


def _undisputed(found: list[Proposal]) -> list[Proposal]:
    """Leave out an order of dates that another one disproves, and begin with a value that tells the others apart."""
    dates = [proposal for proposal in found if proposal.rule.name == "date"]
    disproved = [one for one in dates if any(one.changes.keys() < other.changes.keys() for other in dates)]
    dates = [proposal for proposal in dates if proposal not in disproved]
    return [
        _telling(one, [other.changes for other in dates]) if one in dates else one
        for one in found
        if one not in disproved
    ]


def _telling(proposal: Proposal, all_changes: list[dict[str, str]]) -> Proposal:
    """Begin with the values that others would read as another date."""
    ordered = sorted(
        proposal.changes.items(),
        key=lambda change: all(changes.get(change[0], change[1]) == change[1] for changes in all_changes),
    )
    return replace(proposal, changes=dict(ordered))


def changes_by(
    rule: Rule, values: dict[str, int], plan: ColumnPlan | None, reading: Reading
) -> dict[str, str]:
    """Return the new text of each value that the rule makes valid. A replaced word need not be valid."""
    null = reading.null_of(plan.column) if plan else ""
    new = {text: rewritten(rule, text, plan, null) for text in values}
    changed = {text: value for text, value in new.items() if value is not None and value != text}
    if plan is None or rule.name == "word":
        return changed
    accepted = reading.accepted(plan, changed.values())
    return {text: value for text, value in changed.items() if value in accepted}


def _words(values: dict[str, int], plan: ColumnPlan) -> Iterator[Rule]:
    """Yield a rule for each word that resembles a choice of the field."""
    if not plan.field.choices or not values:
        return
    column = profiles_of(pl.DataFrame({plan.column: list(values)}, {plan.column: pl.String}))[0]
    options, doubts = guess_choices(column, plan.field, ColumnOptions())
    guessed = [alternative.value for doubt in doubts for alternative in doubt.alternatives]
    meanings = {word: choice for found in (options, *guessed) for word, choice in found.values.items()}
    for text in values:
        if (choice := meanings.get(text.strip())) is not None:
            yield Rule("word", text, choice)
