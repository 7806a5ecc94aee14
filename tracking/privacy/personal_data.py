"""Exports the rows about a person, and erases the person from them without losing the counts."""

from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.models import Q

from tracking.hashes import hashed_names
from tracking.models import ActivityLog, AlertDelivery, LoginEvent, SecurityAlert, UserSession, database
from tracking.privacy.mentions import Person
from tracking.privacy.traces import erase_traces
from tracking.privacy.unwritten_events import write_what_waits
from tracking.signals import erased
from tracking.upkeep.retention import STEP

KINDS: dict[str, type[models.Model]] = {
    "login": LoginEvent,
    "activity": ActivityLog,
    "session": UserSession,
    "delivery": AlertDelivery,  # before the alerts, by which its rows are found
    "alert": SecurityAlert,
}
# Of these, no count needs the rows.
DELETED = (AlertDelivery, SecurityAlert)
# Columns that only tracking can use, or that are not the person's own data.
NOT_EXPORTED = ("uuid", "key_hash", "occasion")
# The columns that an erased row loses, and their new values. Time and outcome stay, because counts need them.
ERASED: dict[str, Any] = {
    "user_id": None,
    "identifier": "",
    "ip_address": None,
    "country": "",
    "user_agent": "",
    "session_id": None,
    "evidence": {},
    "metadata": {},
    "entity_id": "",
}


def export_of(user: Any) -> Iterator[dict[str, Any]]:
    """Yield all rows about a user, the oldest of each kind first: one dict per row, with `kind` and the columns."""
    for kind, model in KINDS.items():
        names = [f.attname for f in model._meta.concrete_fields if f.name not in NOT_EXPORTED]
        for row in _rows_of(user, model).order_by("pk").values(*names).iterator(chunk_size=STEP):
            yield {"kind": kind} | row


def erase(user: Any) -> dict[str, int]:
    """Erase a user from their rows in small steps, end their sessions, and return the number of rows of each kind.

    Rows stay without the person's data, because they are counts of logins and failures. Alerts and their
    deliveries are deleted.
    """
    UserSession.objects.using(database()).filter(user=user.pk).end(UserSession.EndReason.ENDED_BY_ADMIN)
    numbers = {kind: _erase_rows(user, model) for kind, model in KINDS.items()}
    for _, result in erased.send_robust(sender=type(user), user=user):
        if isinstance(result, Exception):
            raise result
    return numbers


def erase_user(user: Any) -> dict[str, list[str]]:
    """Erase a person from their own rows and from rows of others. Returns lines of what was "erased" and what "stays".

    Waiting events are written first, so that none arrives afterwards.
    """
    stays = write_what_waits(Person.of(user))
    own = [f"{number:,} of kind {kind}" for kind, number in erase(user).items()]
    return {"erased": own + erase_traces(user), "stays": stays}


def _erase_rows(user: Any, model: type[models.Model]) -> int:
    changes = {name: value for name, value in ERASED.items() if name in _columns(model)}
    rows = _rows_of(user, model)
    erased = 0
    while keys := list(rows.values_list("pk", flat=True)[:STEP]):
        step: Any = model._base_manager.using(database()).filter(pk__in=keys)
        # `_raw_delete` is private, as in `retention.prune`. tests/tracking/suite/suite_commands.py breaks first.
        erased += step._raw_delete(database()) if model in DELETED else step.update(**changes)
    return erased


def _rows_of(user: Any, model: type[models.Model]) -> Any:
    rows: Any = model._base_manager.using(database())
    if model is AlertDelivery:
        return rows.filter(alert__in=_rows_of(user, SecurityAlert).values("pk"))
    belongs = Q(user=user.pk)
    name = str(user.get_username())
    if name and "identifier" in _columns(model):
        # Attempts with the name from before the user existed, or in another case.
        belongs |= Q(identifier__in=[name, *hashed_names(name)])
    address = str(getattr(user, type(user).get_email_field_name(), "") or "")
    if address and address != name and "identifier" in _columns(model):
        # Only rows without a user: the address may be the name of another account.
        belongs |= Q(user=None, identifier__in=[address, *hashed_names(address)])
    return rows.filter(belongs)


def _columns(model: type[models.Model]) -> set[str]:
    return {f.attname for f in model._meta.concrete_fields}
