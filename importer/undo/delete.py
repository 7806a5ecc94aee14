"""Deletes rows that a job inserted, with Django's collector, and refuses those that something else depends on."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import Error as DatabaseError
from django.db import connections, models, transaction
from django.db.models import ProtectedError, RestrictedError
from django.db.models.deletion import Collector

from importer.exceptions import first_line
from importer.specs.tables import tables_of
from importer.undo.written import WrittenRows
from importer.work.retry import is_transient

# Tells whether the person may "delete" or "change" rows of a model.
May = Callable[[str, type[models.Model]], bool]
Models = Counter[type[models.Model]]
# Of the rows that refuse, as many are named as a person reads.
MOST_NAMED = 20


@dataclass(slots=True)
class Deleted:
    """What became of rows.

    rows     how many were deleted
    related  rows of others that were deleted or changed with them, by the plural name of their model
    refused  how many were not deleted
    reasons  of the first of those, by primary key
    """

    rows: int = 0
    related: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    reasons: dict[Any, str] = field(default_factory=dict)

    def add(self, other: "Deleted") -> None:
        self.rows += other.rows
        self.related += other.related
        self.refused += other.refused
        name_first(self.reasons, other.reasons)


def name_first(reasons: dict[Any, str], more: dict[Any, str]) -> None:
    """Add reasons, as long as a person reads them."""
    for key, reason in more.items():
        if len(reasons) == MOST_NAMED:
            return
        reasons[key] = reason


def everybody_may(action: str, model: type[models.Model]) -> bool:
    return True


class Refused(Exception):
    """Some of the rows cannot be deleted."""


class Deletion:
    """Deletes rows in the caller's transaction.

    with_related  delete or change also what others have made to refer to them, as their on_delete says
    is_rehearsal  find out what would happen, and delete nothing
    may           what others made is deleted or changed only where this allows it
    """

    def __init__(
        self, written: WrittenRows, *, with_related: bool, is_rehearsal: bool, may: May = everybody_may
    ) -> None:
        self.written = written
        self.model = written.model
        self.alias = written.connection.alias
        self.with_related = with_related
        self.is_rehearsal = is_rehearsal
        self.may = may
        self.parts = set(tables_of(self.model))

    def delete(self, keys: Sequence[Any]) -> Deleted:
        """Delete the rows with these keys. Those that cannot be deleted are narrowed down to single ones by halves."""
        if not keys:
            return Deleted()
        try:
            with transaction.atomic(using=self.alias):
                return self._deleted(keys)
        except Exception as error:
            # A receiver of the site's may raise anything. It keeps this row, and the others go.
            if isinstance(error, DatabaseError) and is_transient(error):
                raise
            if len(keys) == 1:
                return Deleted(refused=1, reasons={keys[0]: _reason(error)})
        half = len(keys) // 2
        deleted = self.delete(keys[:half])
        deleted.add(self.delete(keys[half:]))
        return deleted

    def _deleted(self, keys: Sequence[Any]) -> Deleted:
        rows = list(self.model._base_manager.using(self.alias).filter(pk__in=keys))
        collector: Any = Collector(using=self.alias)
        collector.collect(rows)
        own, deleted, changed = self._counted(collector, set(keys))
        related: Counter[str] = Counter()
        for model, number in [*deleted.items(), *changed.items()]:
            related[_plural(model)] += number
        self._refuse(deleted, changed)
        if not self.is_rehearsal:
            collector.delete()
        return Deleted(own, related)

    def _refuse(self, deleted: Models, changed: Models) -> None:
        """Raise Refused if rows of others depend on ours, unless they may go too."""
        related = deleted + changed
        if related and not self.with_related:
            raise Refused(f"{_named(related)} of others {_s(related, 'depend')} on it")
        for action, found in (("delete", deleted), ("change", changed)):
            for model, number in found.items():
                if not self.may(action, model):
                    rows = Counter({model: number})
                    raise Refused(f"{_named(rows)} {_s(rows, 'depend')} on it, which you may not {action}")

    def _counted(self, collector: Any, keys: set[Any]) -> tuple[int, Models, Models]:
        """Return how many rows of the job would go, and how many of others would be deleted and changed, by model."""
        deleted: Models = Counter()
        changed: Models = Counter()
        own = len(keys)
        for model, instances in collector.data.items():
            if model not in self.parts:
                deleted[model] += len(instances)
            elif model is self.model:
                others = [instance.pk for instance in instances if instance.pk not in keys]
                with connections[self.alias].cursor() as cursor:
                    among = len(self.written.among(cursor, others)) if others else 0
                own += among
                deleted[model] += len(others) - among
        for rows in collector.fast_deletes:
            if not rows.model._meta.auto_created:  # the links of a many-to-many field
                deleted[rows.model] += rows.count()
        for (field_changed, _), parts in collector.field_updates.items():
            changed[field_changed.model] += sum(len(part) for part in parts)
        return own, +deleted, +changed


def _plural(model: type[models.Model]) -> str:
    return str(model._meta.verbose_name_plural)


def _s(found: Models, verb: str) -> str:
    """Return a verb as it is said of so many rows."""
    return f"{verb}s" if found.total() == 1 else verb


def _named(found: Models) -> str:
    """Name rows by their models: "1 contact, 12 orders"."""
    return ", ".join(
        f"{number:,} {model._meta.verbose_name if number == 1 else _plural(model)}"
        for model, number in found.items()
    )


def _reason(error: Exception) -> str:
    if isinstance(error, ProtectedError | RestrictedError):
        protecting: Any = getattr(error, "protected_objects", None) or getattr(
            error, "restricted_objects", ()
        )
        rows = Counter(type(row) for row in protecting)
        return f"{_named(rows)} {_s(rows, 'refer')} to it and {_s(rows, 'protect')} it"
    return first_line(error)
