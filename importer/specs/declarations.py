"""Defines the declarations of a spec: what fills a field, and how."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from django.core.exceptions import ImproperlyConfigured

from importer.specs.notation import Notation

Transform = Callable[[str], Any]


class Unset:
    """Marks a missing value where None is a valid one."""

    def __repr__(self) -> str:
        return "<unset>"


UNSET = Unset()


class Replacement:
    """A transform that replaces words by what they mean."""

    __name__ = "values"

    def __init__(self, meanings: Mapping[str, str]) -> None:
        self.meanings = dict(meanings)

    def __call__(self, text: str) -> str:
        return self.meanings.get(text, text)


class Column:
    """A field filled from one column of the source.

    name         the column; default: the field's own name
    transform    a function, or several in order, from one text to one value. It is called once per distinct value of
                 a batch and its result is remembered, so it must not depend on anything else. ValidationError rejects
                 the record with its message; any other exception rejects it as `transform_failed`.
    values       what the source's words mean: {"Gold": "pro"}; other words stay as they are. After the transforms
    formats      `strptime` formats of a date or time, tried in order; without them Django's own parsing is used
    decimal      the decimal sign of a number, and
    thousands    the sign between its groups of three digits: 1.234,50 has "," and "."
    true, false  the words of a boolean, such as ("Ja", "Y") and ("Nein", "N"); Django's own are read as well
    default      the value for an empty cell (a null value of the spec)
    blank        "keep": an empty cell leaves the value of an existing row as it is (with on_conflict = "update")
    null_values  the text or texts that mean "nothing" in this column; default: those of the spec
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        transform: Transform | Iterable[Transform] | None = None,
        values: Mapping[str, str] | None = None,
        formats: Iterable[str] = (),
        decimal: str = "",
        thousands: str = "",
        true: str | Iterable[str] = (),
        false: str | Iterable[str] = (),
        default: Any = UNSET,
        blank: Literal["null", "keep"] = "null",
        null_values: str | Iterable[str] | None = None,
    ) -> None:
        if blank not in ("null", "keep"):
            raise ImproperlyConfigured(f'Column: invalid blank "{blank}"; use "null" or "keep".')
        self.blank = blank
        self.name = name
        self.transforms = as_tuple(transform) + ((Replacement(values),) if values else ())
        self.formats = (formats,) if isinstance(formats, str) else tuple(formats)
        self.notation = Notation(decimal, thousands, as_tuple(true), as_tuple(false))
        self.default = default
        self.null_values = None if null_values is None else frozenset(as_tuple(null_values))


class Constant:
    """A field that no column fills: every new row gets this value, cleaned once by the field.

    An existing row keeps its own. Raises ImproperlyConfigured for a function: the value must be known beforehand.
    """

    def __init__(self, value: Any) -> None:
        if callable(value):
            raise ImproperlyConfigured(
                f"Constant: {value!r} is a function; give a value, or the model's field a default."
            )
        self.value = value


class Lookup:
    """A foreign key found by the parent's natural key.

    columns      the column, or several for a composite key; default: the field's own name
    to           the parent's field or fields, in the same order; may cross relations ("company__code")
    missing      what to do if the parent does not exist: "reject" the record, write "null", or "create" the parent
    defaults     values of a created parent's other fields
    transform    as in Column, applied to every column
    null_values  as in Column

    Raises ImproperlyConfigured if `columns` and `to` differ in length, or `missing` is invalid.
    """

    def __init__(
        self,
        columns: str | Iterable[str] | None = None,
        *,
        to: str | Iterable[str] = "pk",
        missing: Literal["reject", "null", "create"] = "reject",
        defaults: Mapping[str, Any] | None = None,
        transform: Transform | Iterable[Transform] | None = None,
        null_values: str | Iterable[str] | None = None,
    ) -> None:
        self.columns = None if columns is None else as_tuple(columns)
        self.to = as_tuple(to)
        self.missing = missing
        self.defaults = dict(defaults or {})
        self.transforms = as_tuple(transform)
        self.null_values = None if null_values is None else frozenset(as_tuple(null_values))
        if missing not in ("reject", "null", "create"):
            raise ImproperlyConfigured(
                f'Lookup: invalid missing "{missing}"; use "reject", "null" or "create".'
            )
        if self.defaults and missing != "create":
            raise ImproperlyConfigured(
                'Lookup: defaults are for parents that are made; set missing="create".'
            )
        if self.columns is not None and len(self.columns) != len(self.to):
            raise ImproperlyConfigured(
                f"Lookup: {len(self.columns)} columns {self.columns} do not match {len(self.to)} fields {self.to}; "
                f"name as many columns as fields."
            )


class Many:
    """A many-to-many field, filled from the parts of one cell. An update sets exactly these.

    column       the column; default: the field's own name
    to           the other model's field by which it is found, such as "code"; may cross relations
    separator    what stands between the parts of a cell; blanks around a part are not part of it
    missing      what to do if one does not exist: "reject" the record, or "create" it
    defaults     values of a created one's other fields
    transform    as in Column, applied to every part
    null_values  as in Column, of every part

    Raises ImproperlyConfigured for an empty separator, or an invalid `missing`.
    """

    def __init__(
        self,
        column: str | None = None,
        *,
        to: str = "pk",
        separator: str = "|",
        missing: Literal["reject", "create"] = "reject",
        defaults: Mapping[str, Any] | None = None,
        transform: Transform | Iterable[Transform] | None = None,
        null_values: str | Iterable[str] | None = None,
    ) -> None:
        if not separator:
            raise ImproperlyConfigured('Many: the separator is empty; use a text such as "|".')
        if missing not in ("reject", "create"):
            raise ImproperlyConfigured(f'Many: invalid missing "{missing}"; use "reject" or "create".')
        self.column = column
        self.separator = separator
        self.lookup = Lookup(
            to=to, missing=missing, defaults=defaults, transform=transform, null_values=null_values
        )


def as_tuple(value: Any) -> tuple[Any, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) or callable(value) else tuple(value)
