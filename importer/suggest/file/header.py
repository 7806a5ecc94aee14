"""Guesses whether the first row of a table names its columns."""

from collections import Counter
from collections.abc import Collection, Sequence

from importer.suggest.guess import Alternative, Guess
from importer.suggest.names import MEANING_OF, words_of
from importer.suggest.values.kinds import is_typed

# Records that are compared with the header.
COMPARED = 200


def numbered(names: Sequence[str]) -> list[str]:
    """Return the names, each repeated one with a number: "amount", "amount_2"."""
    seen: Counter[str] = Counter()
    given = set(names)
    result = []
    for name in names:
        seen[name] += 1
        new, number = name, seen[name]
        while seen[name] > 1 and (new == name or new in given):
            new, number = f"{name}_{number}", number + 1
        given.add(new)
        result.append(new)
    return result


def guess_header(rows: Sequence[Sequence[str]], known: Collection[str]) -> Guess[bool]:
    """Guess whether the first row names the columns. `known`: names of fields."""
    if not rows:
        return Guess(True, "doubtful", "there are no records")
    first, body = [cell.strip() for cell in rows[0]], rows[1 : COMPARED + 1]
    like_fields = [cell for cell in first if cell and words_of(cell) in _spelled(tuple(known))]
    above, alike, repeated = _compared(first, body)
    meant = [cell for cell in first if words_of(cell) in MEANING_OF]
    if like_fields and not (repeated and len(like_fields) * 2 < len(first)):
        return Guess(
            True, "sure" if len(like_fields) > 1 or above else "likely", f'it names "{like_fields[0]}"'
        )
    if not body:
        is_name = not any(map(is_typed, first))
        return Guess(
            is_name, "doubtful", "there is only one line", (Alternative(not is_name, "the opposite"),)
        )
    if above > alike and repeated * 2 < above:
        told = f"in {above} of {len(first)} columns its text stands above numbers, dates or addresses"
        return Guess(True, "sure" if not alike and not repeated else "likely", told)
    if alike > above:
        told = f"in {alike} of {len(first)} columns the first value is like all others"
        return Guess(False, "likely" if above == 0 and alike > 1 else "doubtful", told,
                     (Alternative(True, "the first line may name the columns"),))  # fmt: skip
    if len(meant) * 2 >= len(first) and not repeated:
        return Guess(True, "likely", f'it has words that name columns, such as "{meant[0]}"')
    is_header = (
        not repeated and all(first) and len(set(first)) == len(first) and not any(map(is_typed, first))
    )
    told = "nothing tells the first line from the others"
    return Guess(is_header, "doubtful", told, (Alternative(not is_header, "the opposite"),))


def _spelled(known: tuple[str, ...]) -> set[tuple[str, ...]]:
    return {words_of(name) for name in known}


def _compared(first: Sequence[str], body: Sequence[Sequence[str]]) -> tuple[int, int, int]:
    """Count the columns whose first text stands above values, is one of them, or occurs again below."""
    above = alike = repeated = 0
    for number, cell in enumerate(first):
        values = [row[number].strip() for row in body if len(row) > number and row[number].strip()]
        if not values:
            continue
        repeated += cell in values and bool(cell)
        if sum(map(is_typed, values)) >= 0.8 * len(values):
            alike += is_typed(cell)
            above += bool(cell) and not is_typed(cell)
    return above, alike, repeated
