"""Invalidates cached values when a user, a POV or a TRR changes: through the ORM, the admin or an import.

`users:<pk>:profile` is a user's profile. `povs:…` and `trrs:…` in `lists` show POVs and TRRs with the names of their
owners and assessors, and TRRs with the title of their POV; `home:…` shows both. `QuerySet.update()` and `bulk_create()`
send no signals: call `refresh` after them, or wait for two minutes.
"""

from functools import partial
from typing import Any

from django.core.cache import caches
from django.db import models, transaction
from django.db.models.signals import post_delete, post_save

from cortex.models import Pov, Trr, User
from importer import batch_committed, import_finished

# Model → (alias, group) to invalidate after a change of any number of rows.
DEPENDENTS: dict[type[models.Model], list[tuple[str, str]]] = {
    User: [("users", "users"), ("lists", "povs"), ("lists", "trrs"), ("lists", "home")],
    Pov: [("lists", "povs"), ("lists", "trrs"), ("lists", "home")],
    Trr: [("lists", "trrs"), ("lists", "home")],
}
# Each login writes it, and no page shows it.
SHOWN_NOWHERE = {"last_login"}


def refresh(model: type[models.Model]) -> None:
    """Invalidates every cached value that shows rows of this model. Call it after the change is committed.

    Other models than those of DEPENDENTS have no effect. Raises nothing while Redis is away: the invalidation is
    repeated when it is back.
    """
    for alias, group in DEPENDENTS.get(model, []):
        invalidate(alias, group)


def invalidate(alias: str, group: str) -> None:
    """Invalidates a group of an alias, such as ("users", "users:42"); the whole alias if its cache has no groups."""
    cache: Any = caches[alias]
    if hasattr(cache, "invalidate_group"):
        cache.invalidate_group(group)
    else:
        cache.clear()  # a cache in this process's memory


def connect() -> None:
    """Connects the signals of models and imports."""
    post_save.connect(_changed, dispatch_uid="cortex.freshness")
    post_delete.connect(_changed, dispatch_uid="cortex.freshness")
    batch_committed.connect(_imported, dispatch_uid="cortex.freshness")
    import_finished.connect(_imported, dispatch_uid="cortex.freshness")


def _changed(sender: type[models.Model], instance: models.Model, using: str, **details: Any) -> None:
    fields = details.get("update_fields")
    if sender not in DEPENDENTS or (fields and SHOWN_NOWHERE.issuperset(fields)):
        return
    if sender is User:
        _after_commit("users", f"users:{instance.pk}", using)
    for alias, group in DEPENDENTS[sender]:
        if alias != "users":
            _after_commit(alias, group, using)


def _after_commit(alias: str, group: str, using: str) -> None:
    transaction.on_commit(partial(invalidate, alias, group), using=using)


def _imported(sender: Any, **details: Any) -> None:
    """Refreshes at once: a batch sends no model signals, and it is committed before its own signal."""
    if sender is not None:
        refresh(sender.options.model)
