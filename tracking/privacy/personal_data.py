"""What is kept of a person: to hand it out, and to erase it without losing the counts."""

from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.models import Q

from tracking.hashes import hashed_names
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession, database
from tracking.privacy.mentions import Person
from tracking.privacy.traces import erase_traces
from tracking.privacy.waiting import write_what_waits
from tracking.upkeep.retention import STEP

KINDS: dict[str, type[models.Model]] = {
    "login": LoginEvent,
    "activity": ActivityLog,
    "session": UserSession,
    "alert": SecurityAlert,
}
# Of no use to anybody but us, or not the person's own.
NOT_EXPORTED = ("uuid", "key_hash", "occasion")
# What an erased row no longer says, and what it says instead. When and with which outcome stays: those are counts.
ERASED: dict[str, Any] = {
    "user_id": None,
    "identifier": "",
    "ip_address": None,
    "user_agent": "",
    "session_id": None,
    "evidence": {},
    "metadata": {},
    "entity_id": "",
}


def export_of(user: Any) -> Iterator[dict[str, Any]]:
    """All that is kept of a user, oldest first within each kind: one dict a row, `kind` and the columns."""
    for kind, model in KINDS.items():
        names = [f.attname for f in model._meta.concrete_fields if f.name not in NOT_EXPORTED]
        for row in _rows_of(user, model).order_by("pk").values(*names).iterator(chunk_size=STEP):
            yield {"kind": kind} | row


def erase(user: Any) -> dict[str, int]:
    """Take a user out of what is kept, in small steps; how many rows of each kind. Their sessions end.

    Rows stay, since they are counts of logins and failures; what they say of the person goes. Alerts go altogether.
    """
    UserSession.objects.using(database()).filter(user=user.pk).end(UserSession.EndReason.ENDED_BY_ADMIN)
    erased = {}
    for kind, model in KINDS.items():
        erased[kind] = _erase_rows(user, model)
    return erased


def erase_user(user: Any) -> dict[str, list[str]]:
    """Take a person out of tracking and of what others' rows say of them: lines of what was "erased", and what "stays".

    Events that wait are written first, so that none of them comes in afterwards.
    """
    stays = write_what_waits(Person.of(user))
    erased = [f"{number:,} of kind {kind}" for kind, number in erase(user).items()]
    return {"erased": erased + erase_traces(user), "stays": stays}


def _erase_rows(user: Any, model: type[models.Model]) -> int:
    changes = {name: value for name, value in ERASED.items() if name in _columns(model)}
    rows = _rows_of(user, model)
    erased = 0
    while keys := list(rows.values_list("pk", flat=True)[:STEP]):
        found: Any = model._base_manager.using(database()).filter(pk__in=keys)
        erased += found._raw_delete(database()) if model is SecurityAlert else found.update(**changes)
    return erased


def _rows_of(user: Any, model: type[models.Model]) -> Any:
    rows: Any = model._base_manager.using(database())
    belongs = Q(user=user.pk)
    name = str(user.get_username())
    if name and "identifier" in _columns(model):
        # Attempts under the name that were made before there was such a user, or with the case of another keyboard.
        belongs |= Q(identifier__in=[name, *hashed_names(name)])
    address = str(getattr(user, type(user).get_email_field_name(), "") or "")
    if address and address != name and "identifier" in _columns(model):
        # Of nobody known: the address may be another account's name.
        belongs |= Q(user=None, identifier__in=[address, *hashed_names(address)])
    return rows.filter(belongs)


def _columns(model: type[models.Model]) -> set[str]:
    return {f.attname for f in model._meta.concrete_fields}
