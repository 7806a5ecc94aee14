"""Compares the roll-up by user with the log, some users at a time, and repairs it.

Of a user whose first login has been deleted from the log, only the logins that the log still has are compared: the
roll-up has more of them, and the same latest one.
"""

import datetime as dt
from typing import Any

from django.db import router, transaction

from analytics.calendar import aware
from analytics.models import RollupPosition, UserRollup
from analytics.rollups.logs import USERS
from analytics.rollups.refresh import lock_position
from analytics.rollups.users import Seen, add_rows, seen_in

USERS_PER_STEP = 5_000
# The key of a user → what was seen of them.
People = dict[Any, Seen]
# The key of a user → what is stored, and what is true; None if there is nothing.
Differences = dict[Any, tuple[Seen | None, Seen | None]]
COLUMNS = ("user", "first_login_at", "last_login_at", "logins")


def check_users(*, repair: bool, step: int = USERS_PER_STEP) -> tuple[int, Differences]:
    """Return how many logins were compared, and what differs. Each step is compared at one moment.

    Raises AnotherTimeZone.
    """
    using = router.db_for_write(RollupPosition)
    if not RollupPosition.objects.using(using).filter(log=USERS.name).exists():
        return 0, {}
    logins, last = 0, None
    differences: Differences = {}
    while True:
        with transaction.atomic(using=using):
            position = lock_position(USERS, using)
            true, end = _logged(position, last, step)
            stored = _stored(last, end, using)
            found = _differences(stored, true, position.complete_from)
            if repair and found:
                _repair(found, position.complete_from, using)
        logins += sum(seen.logins for seen in true.values())
        differences |= found
        if end is None:
            return logins, differences
        last = end


def _logged(position: RollupPosition, after: Any, step: int) -> tuple[People, Any]:
    """Return what the log has of the next users, and the last of these; None if there are no more."""
    events: Any = USERS.model._base_manager.using(router.db_for_write(USERS.model)).filter(
        pk__lte=position.last_id
    )
    if after is not None:
        events = events.filter(user__gt=after)
    if position.complete_from is not None:
        events = events.filter(timestamp__gte=position.complete_from)
    rows = list(seen_in(events)[:step])
    return {user: Seen(*seen) for user, *seen in rows}, rows[-1][0] if len(rows) == step else None


def _stored(after: Any, end: Any, using: str) -> People:
    rows: Any = UserRollup.objects.using(using)
    if after is not None:
        rows = rows.filter(user__gt=after)
    if end is not None:
        rows = rows.filter(user__lte=end)
    return {user: Seen(*seen) for user, *seen in rows.values_list(*COLUMNS)}


def _differences(stored: People, true: People, complete_from: dt.datetime | None) -> Differences:
    return {
        user: (stored.get(user), true.get(user))
        for user in stored.keys() | true.keys()
        if not _is_right(stored.get(user), true.get(user), complete_from)
    }


def _is_right(stored: Seen | None, true: Seen | None, complete_from: dt.datetime | None) -> bool:
    """Tell whether the roll-up of a user can be right. `true` has only what came after `complete_from`."""
    if stored is None or complete_from is None or aware(stored.first_at) >= aware(complete_from):
        return stored == true
    if true is None:
        return aware(stored.last_at) < aware(complete_from)
    return stored.last_at == true.last_at and stored.logins > true.logins


def _repair(differences: Differences, complete_from: dt.datetime | None, using: str) -> None:
    """Store what is true. Of what was deleted from the log, the first login is kept, and that there was one."""
    UserRollup.objects.using(using).filter(pk__in=list(differences)).delete()
    rows = []
    for user, (stored, true) in differences.items():
        if true is None:
            continue
        if stored and complete_from and aware(stored.first_at) < aware(complete_from):
            true = Seen(stored.first_at, true.last_at, max(stored.logins, true.logins + 1))
        rows.append((user, true.first_at, true.last_at, true.logins))
    add_rows(sorted(rows, key=lambda row: str(row[0])), using=using)
