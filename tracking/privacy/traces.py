"""Erases a person from the rows of others: activities, logins, alerts and the admin's log."""

from typing import Any

from django.apps import apps
from django.db import router
from django.db.models import Q, QuerySet

from tracking.models import ActivityLog, LoginEvent, SecurityAlert, database
from tracking.privacy.mentions import Person, pages_that_may_name
from tracking.upkeep.retention import STEP


def erase_traces(user: Any) -> list[str]:
    """Erase the person from the rows of others. Returns a line for each kind, with its count."""
    person = Person.of(user)
    activities = _erase_activities_about(user)
    activities += _clean(_rows(ActivityLog), person, {"entity_id": "", "metadata": {}})
    alerts = _clean(_rows(SecurityAlert), person, {"identifier": "", "evidence": {}})
    logins = _clean(_rows(LoginEvent), person, {"identifier": "", "evidence": {}})
    entries = _erase_admin_log(user, person) if apps.is_installed("django.contrib.admin") else 0
    return [
        f"{activities:,} activities of others that are about them or name them",
        f"{logins + alerts:,} logins and alerts of others that name them",
        f"{entries:,} entries of the admin's log that are about them or name them",
    ]


def _rows(model: Any) -> QuerySet[Any]:
    rows: QuerySet[Any] = model._base_manager.using(database())
    return rows


def models_of(user: Any) -> list[Any]:
    """Return the user's model, its proxies, its parents and its children."""
    concrete: Any = user._meta.concrete_model
    return [
        m for m in apps.get_models(include_auto_created=True) if _is_kin(m._meta.concrete_model, concrete)
    ]


def _is_kin(model: Any, user_model: Any) -> bool:
    return issubclass(model, user_model) or issubclass(user_model, model)


def _erase_activities_about(user: Any) -> int:
    labels = {name for m in models_of(user) for name in (m._meta.label, m._meta.label_lower)}
    rows: Any = ActivityLog._base_manager.using(database())
    about = rows.filter(entity_type__in=labels, entity_id=str(user.pk))
    return _update(about, {"entity_id": "", "metadata": {}})


def _update(rows: Any, changes: dict[str, Any]) -> int:
    """Update the rows in steps. The changes must make the rows leave the selection, or this never ends."""
    changed = 0
    while keys := list(rows.values_list("pk", flat=True)[:STEP]):
        changed += rows.model._base_manager.using(rows.db).filter(pk__in=keys).update(**changes)
    return changed


def _clean(rows: QuerySet[Any], person: Person, changes: dict[str, Any]) -> int:
    """Empty the columns that name the person, and return the number of rows."""
    changed = 0
    for page in pages_that_may_name(rows, person, *changes, size=STEP):
        for row in page:
            named = {
                name: empty for name, empty in changes.items() if person.is_quoted_in(getattr(row, name))
            }
            if named:
                changed += rows.filter(pk=row.pk).update(**named)
    return changed


def _erase_admin_log(user: Any, person: Person) -> int:
    """Empty entries about the account or that name it. Entries of the person's own acts stay until it is deleted."""
    from django.contrib.admin.models import LogEntry

    rows: Any = LogEntry._base_manager.using(router.db_for_write(LogEntry))
    kinds = Q(pk__in=[])
    for model in models_of(user):
        kinds |= Q(content_type__app_label=model._meta.app_label, content_type__model=model._meta.model_name)
    about = rows.filter(kinds, object_id=str(user.pk))
    erased = _update(about, {"object_id": None, "object_repr": "", "change_message": ""})
    return erased + _clean(rows, person, {"object_repr": "", "change_message": ""})
