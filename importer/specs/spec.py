"""Defines the base class of specs, with which a site declares an import."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from django.core.exceptions import ImproperlyConfigured
from django.db import models

from importer.specs.declarations import Column, Constant, Lookup, Many, as_tuple
from importer.specs.dialect import Dialect
from importer.specs.notation import Notation

OnConflict = Literal["update", "skip", "reject"]
Duplicates = Literal["last", "first", "reject"]
OnNew = Literal["insert", "skip", "reject"]

# Which of several records with one key counts if they meet the table in the order of the source.
IN_ORDER: dict[str, Duplicates] = {"update": "last", "skip": "first", "reject": "reject"}

CHOICES: dict[str, tuple[str, ...]] = {
    "on_conflict": ("update", "skip", "reject"),
    "on_new": ("insert", "skip", "reject"),
    "duplicates": ("last", "first", "reject"),
}


@dataclass(frozen=True)
class Options:
    """`Meta` of a spec, with its defaults filled in."""

    model: type[models.Model]
    name: str
    key: tuple[str, ...] = ()
    on_conflict: OnConflict = "reject"
    on_new: OnNew = "insert"
    duplicates: Duplicates = "reject"
    null_values: frozenset[str] = frozenset({""})
    fields: tuple[str, ...] | None = None
    queries: Mapping[str, str] = field(default_factory=dict)
    dialect: Dialect = field(default_factory=Dialect)
    keep_before: bool = False
    review: bool = False


class ModelImport:
    """Base class of all specs; the README has an example.

    `Meta` takes
    model        the model to fill (a spec without it is abstract)
    name         the name for `create_import`; default: "app_label.model"
    key          the fields by which an existing row is recognised; default: none, every record is inserted
    on_conflict  what to do with an existing row: "update", "skip" or "reject" (default)
    on_new       what to do with a record whose key is not in the table: "insert" (default), "skip" or "reject". Without
                 "insert" only existing rows change, and required fields that the source lacks are not asked for
    duplicates   which of several records with one key in the source counts: "last" (default with "update"), "first"
                 (default with "skip"; the others are skipped), or "reject": the first, and the others are rejected
    null_values  texts that mean "nothing"; default: ("",)
    fields       fields to fill; default: all editable ones with a column in the source, without `SENSITIVE_FIELDS`
    queries      name → SELECT, for sources of the form `db:ALIAS/NAME`; the first column must be unique
    dialect      how delimited files are written; default: as RFC 4180 says
    keep_before  keep rows as they were before the import changes them, so that `undo_import` can put them back
    review       a second person must approve each job before it writes anything

    Declaring a subclass raises ImproperlyConfigured if a field or an option does not exist.
    """

    options: ClassVar[Options]
    declared: ClassVar[dict[str, Column | Lookup]] = {}
    constants: ClassVar[dict[str, Constant]] = {}
    manys: ClassVar[dict[str, Many]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        inherited = {name: value for base in reversed(cls.__mro__[1:]) for name, value in _declarations(base)}
        declarations = inherited | dict(_declarations(cls))
        cls.declared = {n: d for n, d in declarations.items() if isinstance(d, Column | Lookup)}
        cls.constants = {n: d for n, d in declarations.items() if isinstance(d, Constant)}
        cls.manys = {n: d for n, d in declarations.items() if isinstance(d, Many)}
        meta = getattr(cls, "Meta", None)
        if meta is None or getattr(meta, "model", None) is None:
            return  # an abstract spec
        cls.options = _read_options(cls.__qualname__, meta)
        _check_fields(cls)
        _check_manys(cls)

    def clean_record(self, record: dict[str, Any]) -> dict[str, Any] | None:
        """Clean what needs the whole record. If overridden, it is called once per record (the row lane, the slowest).

        record  the cleaned Python values by field name (a foreign key: the parent's primary key), of the fields that
                the import fills

        Change `record` in place, or return a dict of changes. Raise ValidationError to reject the record. Setting a
        field that the import does not fill fails the job with one line.
        """
        return record

    @classmethod
    def declared_columns(cls) -> list[str]:
        """Return the source's columns that the declarations name."""
        names: list[str] = []
        for name, declared in cls.declared.items():
            if isinstance(declared, Lookup):
                names += declared.columns or (name,)
            else:
                names.append(declared.name or name)
        return [*names, *(many.column or name for name, many in cls.manys.items())]

    @classmethod
    def lookups(cls) -> dict[str, Lookup]:
        """Return the declarations that find rows of other tables, those of many-to-many fields included."""
        foreign_keys = {
            name: declared for name, declared in cls.declared.items() if isinstance(declared, Lookup)
        }
        return foreign_keys | {name: many.lookup for name, many in cls.manys.items()}

    @classmethod
    def cleans_records(cls) -> bool:
        return cls.clean_record is not ModelImport.clean_record


def _declarations(cls: type) -> list[tuple[str, Column | Lookup | Constant | Many]]:
    declarations = (Column, Lookup, Constant, Many)
    return [(name, value) for name, value in vars(cls).items() if isinstance(value, declarations)]


def _read_options(owner: str, meta: type) -> Options:
    given = {name: getattr(meta, name) for name in dir(meta) if not name.startswith("_")}
    known = set(Options.__dataclass_fields__)
    if unknown := sorted(set(given) - known):
        raise ImproperlyConfigured(
            f'{owner}.Meta: unknown option "{unknown[0]}"; known: {", ".join(sorted(known))}.'
        )
    model = given["model"]
    given.setdefault("name", model._meta.label_lower)
    for name in ("key", "fields"):
        if given.get(name) is not None:
            given[name] = as_tuple(given[name])
    if "null_values" in given:
        given["null_values"] = frozenset(as_tuple(given["null_values"]))
    if given.get("on_new", "insert") != "insert":
        given.setdefault("on_conflict", "update")
    on_conflict = given.get("on_conflict", "reject")
    given.setdefault("duplicates", IN_ORDER.get(on_conflict, "last"))
    options = Options(**given)
    _check_options(f"{owner}.Meta", options)
    if hasattr(meta, "duplicates") and not options.key:
        raise ImproperlyConfigured(f"{owner}.Meta: duplicates needs a key; name its fields.")
    return options


def _check_options(owner: str, options: Options) -> None:
    for name, choices in CHOICES.items():
        if (given := getattr(options, name)) not in choices:
            *others, last = (f'"{choice}"' for choice in choices)
            raise ImproperlyConfigured(
                f'{owner}: invalid {name} "{given}"; use {", ".join(others)} or {last}.'
            )
    if not isinstance(options.dialect, Dialect):
        raise ImproperlyConfigured(f'{owner}: invalid dialect "{options.dialect}"; use importer.Dialect(…).')
    if options.on_conflict != "reject" and not options.key:
        raise ImproperlyConfigured(
            f'{owner}: on_conflict "{options.on_conflict}" needs a key; name its fields.'
        )
    if options.on_new != "insert" and options.on_conflict != "update":
        raise ImproperlyConfigured(
            f'{owner}: with on_new "{options.on_new}" only existing rows change; set on_conflict = "update".'
        )


def _check_fields(spec: type[ModelImport]) -> None:
    options = spec.options
    known = {f.name: f for f in options.model._meta.concrete_fields}
    for name in (*spec.declared, *spec.constants, *options.key, *(options.fields or ())):
        if name not in known:
            raise ImproperlyConfigured(
                f'{spec.__qualname__}: {options.model._meta.label} has no field "{name}"; it has {", ".join(known)}.'
            )
    for name in options.key:
        if name in spec.constants:
            raise ImproperlyConfigured(
                f'{spec.__qualname__}: the key has "{name}", which is a Constant; a key is made of columns.'
            )
    for name, declared in spec.declared.items():
        is_fixed = known[name].is_relation or name in options.key
        if is_fixed and isinstance(declared, Column) and declared.blank == "keep":
            raise ImproperlyConfigured(
                f'{spec.__qualname__}: blank="keep" on "{name}", which is a foreign key or part of the key.'
            )
        if isinstance(declared, Column):
            _check_notation(spec, known[name], declared.notation)
        if isinstance(declared, Lookup) and not known[name].is_relation:
            raise ImproperlyConfigured(
                f'{spec.__qualname__}: Lookup on "{name}", which is not a foreign key.'
            )


def _check_manys(spec: type[ModelImport]) -> None:
    model = spec.options.model
    many_to_many = {f.name for f in model._meta.many_to_many}
    for name in spec.manys:
        if name not in many_to_many:
            raise ImproperlyConfigured(
                f'{spec.__qualname__}: Many on "{name}", which is not a many-to-many field of '
                f"{model._meta.label}; it has {', '.join(sorted(many_to_many)) or 'none'}."
            )


def _check_notation(spec: type[ModelImport], field: Any, notation: Notation) -> None:
    no_number = (models.CharField, models.TextField, models.DateField, models.TimeField, models.BooleanField)
    if notation.is_of_numbers and (field.is_relation or isinstance(field, no_number)):
        raise ImproperlyConfigured(
            f'{spec.__qualname__}: decimal or thousands on "{field.name}", which is not a number.'
        )
    if notation.is_of_booleans and not isinstance(field, models.BooleanField):
        raise ImproperlyConfigured(
            f'{spec.__qualname__}: true or false on "{field.name}", which is not a boolean.'
        )
