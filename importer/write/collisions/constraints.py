"""Describes violations of constraints with Django's codes and messages."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Error as PsycopgError

from importer.records import RecordError, escaped
from importer.specs.mapping import AnyField, ColumnPlan, Mapping
from importer.validate.values.encode import Encoder
from importer.validate.values.judge import Judge, as_errors
from importer.write.copy import column_of

# Beginnings of SQLSTATEs that are about the connection or the server, not about a record. XX000 is a record's, as
# extensions raise it; XX001 and XX002 are damaged data.
NOT_ABOUT_RECORDS = ("08", "40", "53", "55P03", "57", "58", "XX001", "XX002")
# Those that are about a statement, or about what a record makes a trigger, a default or a type do: an unknown function
# in one branch, a name that `regclass` does not find, a text too long for its index. The statement without any record
# tells.
DOUBTFUL = (
    "0A", "0B", "0Z", "20", "24", "25", "26", "28", "2D", "34", "3B", "3D", "3F", "42", "54", "55", "72", "F0", "HV",
)  # fmt: skip
# Functions of PostgreSQL that speak about one record whatever the SQLSTATE: RAISE in a trigger, row-level security.
ABOUT_A_RECORD = ("exec_stmt_raise", "ExecWithCheckOptions")
# SQLSTATE → Django's code for such an error.
CODES = {"23505": "unique", "23503": "does_not_exist", "23514": "check", "23502": "null"}


def has_own_message(constraint: models.UniqueConstraint, names: tuple[str, ...]) -> bool:
    is_whole = constraint.condition is None and constraint.fields == names
    return is_whole and constraint.violation_error_message != constraint.default_violation_error_message


def constraint_code(constraint: models.BaseConstraint) -> str:
    """Return the constraint's own code, or Django's usual code for such a violation."""
    names = {models.UniqueConstraint: "unique", models.CheckConstraint: "check"}
    return constraint.violation_error_code or names.get(type(constraint), type(constraint).__name__.lower())


def violation_of(constraint: models.BaseConstraint) -> RecordError:
    return RecordError("", constraint_code(constraint), str(constraint.get_violation_error_message()))


def unique_errors(mapping: Mapping, group: tuple[AnyField, ...]) -> list[RecordError]:
    """Return the errors of `full_clean()` for another row with the same values in these fields."""
    names = tuple(f.name for f in group)
    for constraint in mapping.constraints:
        if isinstance(constraint, models.UniqueConstraint) and has_own_message(constraint, names):
            about = names[0] if constraint.violation_error_code == "unique" and len(names) == 1 else ""
            message = str(constraint.get_violation_error_message())
            return [RecordError(about, constraint_code(constraint), message)]
    # Django names the model of the table in which the values are unique.
    is_inherited = group[0].model is not mapping.model._meta.concrete_model
    model = group[0].model if is_inherited else mapping.model
    error: Any = mapping.model().unique_error_message(model, names)
    return as_errors(names[0] if len(names) == 1 else "", error)


def no_such_row(mapping: Mapping) -> list[RecordError]:
    """Return the error of a record that is to change a row which is not in the table."""
    names = [f.name for f in mapping.key]
    message = f"There is no {mapping.model._meta.verbose_name} with this {', '.join(names)}."
    return [RecordError(names[0] if len(names) == 1 else "", "does_not_exist", message)]


def blank_of(plan: ColumnPlan, connection: BaseDatabaseWrapper) -> str | RecordError | None:
    """Return what an empty cell means in a new row: a text for PostgreSQL, null, or why it is rejected."""
    text, errors = Judge(plan, Encoder(connection))(None)
    return errors[0] if errors else text


def is_about_a_record(error: Exception) -> bool:
    """Whether the database may refuse a record, for any reason of its own, and would go on with others."""
    cause = error.__cause__
    if not isinstance(cause, PsycopgError) or not cause.diag.sqlstate:
        return False
    if cause.diag.source_function in ABOUT_A_RECORD:
        return True
    return not cause.diag.sqlstate.startswith(NOT_ABOUT_RECORDS)


def is_doubtful(error: Exception) -> bool:
    """Whether such a refusal may be about the statement as well, so that no record would pass."""
    cause = error.__cause__
    if not isinstance(cause, PsycopgError) or cause.diag.source_function in ABOUT_A_RECORD:
        return False
    return str(cause.diag.sqlstate).startswith(DOUBTFUL)


def not_stored() -> RecordError:
    return RecordError("", "not_stored", "A trigger or a rule of the table did not store the record in it.")


def refusal(mapping: Mapping, error: Exception) -> RecordError:
    """Return the error for a record that the database rejected, with the constraint's own message if it has one."""
    cause = error.__cause__
    diagnosis = cause.diag if isinstance(cause, PsycopgError) else None
    name = diagnosis.constraint_name if diagnosis else None
    for constraint in mapping.constraints:
        if name and constraint.name == name:
            return violation_of(constraint)
    state = diagnosis.sqlstate if diagnosis and diagnosis.sqlstate else ""
    message = (diagnosis.message_primary if diagnosis else None) or str(error)
    column = diagnosis.column_name if diagnosis else None
    field = next((f.name for f in mapping.written if column and column_of(f) == column), "")
    return RecordError(field, CODES.get(state, "database"), escaped(f"The database rejects it: {message}."))
