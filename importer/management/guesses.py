"""Shows the guesses about a file as a table, for the person at the terminal."""

from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.table import Table

from importer.exceptions import one_line
from importer.suggest.fields.match import Match
from importer.suggest.file.guess_file import described
from importer.suggest.suggestion import Suggestion

WIDTH = 120
MOST_DOUBTS = 40


def show_guesses(suggestion: Suggestion, stream: TextIO) -> None:
    """Write how the file is written, which column fills which field, and how many doubts there are."""
    console = Console(file=stream, highlight=False, markup=False, width=None if stream.isatty() else WIDTH)
    console.print(f"{one_line(suggestion.file.name)}: {one_line(described(suggestion.file))}")
    table = Table("column", "field", "", "why", box=None, pad_edge=False)
    for match in suggestion.matches:
        table.add_row(*map(one_line, _row(match)))
    console.print(table)
    key = suggestion.key
    console.print(f"key: {', '.join(key.value) or 'none'}: {one_line(key.evidence)}")
    doubts = suggestion.doubts()
    if doubts:
        console.print(
            f"{len(doubts)} {'doubt' if len(doubts) == 1 else 'doubts'}; look at each DOUBT in the spec:"
        )
    for doubt in doubts[:MOST_DOUBTS]:
        console.print(f"  {one_line(doubt)}")
    if len(doubts) > MOST_DOUBTS:
        console.print(f"  and {len(doubts) - MOST_DOUBTS:,} more")


def _row(match: Match) -> Iterator[str]:
    yield match.column.name[:40]
    yield match.field.value or "–"
    yield "doubtful" if match.is_doubtful else match.field.confidence
    reasons = [match.field.evidence, *(doubt.evidence for doubt in match.doubts)]
    yield "; ".join([*reasons, *([match.reference.evidence] if match.reference else [])])[:200]
