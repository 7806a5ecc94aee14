"""Moves the sequences of a table past the numbers that an import brought along."""

from django.db import connections
from django.db.backends.utils import CursorWrapper

from importer.specs.mapping import Mapping

# Below this distance a sequence is stepped, which can never set it back. Above, it is set: until somebody else has
# taken so many numbers, we are done.
STEPS = 10_000
SEQUENCE = """
SELECT s.seqrelid::regclass::text, s.seqincrement, s.seqmax,
    has_sequence_privilege(s.seqrelid, 'SELECT'), has_sequence_privilege(s.seqrelid, 'UPDATE')
FROM pg_sequence s WHERE s.seqrelid = pg_get_serial_sequence(%s, %s)::regclass
"""


def advance_sequences(cursor: CursorWrapper, mapping: Mapping) -> None:
    """Advance the sequence of each column that the import filled, if the column has a higher number.

    A sequence is never set back, whoever writes beside us: they draw numbers while we look.
    """
    quote = connections[mapping.alias].ops.quote_name
    for field in mapping.mapped:
        table = quote(field.model._meta.db_table)
        cursor.execute(SEQUENCE, [table, field.column])
        if found := cursor.fetchone():
            _advance(cursor, *found, column=quote(str(field.column)), table=table)


def _advance(
    cursor: CursorWrapper,
    sequence: str,
    increment: int,
    most: int,
    may_select: bool,
    may_update: bool,
    *,
    column: str,
    table: str,
) -> None:
    # Who may only draw numbers has to draw one to see where the sequence is.
    position = f"last_value, is_called FROM {sequence}" if may_select else f"nextval('{sequence}'), true"
    cursor.execute(f"SELECT (SELECT max({column}) FROM {table}), {position}")
    highest, last, is_called = cursor.fetchone()
    following = last + increment if is_called else last
    if highest is None or increment < 0 or highest < following:
        return
    steps = (highest - following) // increment + 1
    if may_update and (steps > STEPS or highest >= most):
        cursor.execute("SELECT setval(%s, %s)", [sequence, min(highest, most)])
    else:
        cursor.execute("SELECT max(nextval(%s)) FROM generate_series(1, %s)", [sequence, steps])
