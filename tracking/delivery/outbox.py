"""Decides who is told of which alert and when: one pass of the sender, which may run in several processes at once.

A pass first writes the deliveries that are missing. Then it takes each that is due, with a conditional UPDATE; sends
it, outside of any transaction; and writes what came of it. A process that dies in between has sent at most one message
that another one repeats, with the same id.
"""

import datetime as dt
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from tracking.conf import conf
from tracking.delivery import mail, webhook
from tracking.delivery.exceptions import NotNeeded, NotSent
from tracking.health import report_fault
from tracking.models import AlertChannel, AlertDelivery, SecurityAlert, database

logger = logging.getLogger("tracking")

Name = AlertChannel.Name
State = AlertDelivery.State
Send = Callable[[AlertDelivery], None]

# After a longer pause of the sender, what is older is not news any more.
LOOK_BACK = dt.timedelta(days=7)
# Deliveries that a pass writes, and takes, of a channel at most. The next pass continues.
MOST_WRITTEN, MOST_TAKEN = 5_000, 500
# Nobody else takes a delivery for this long: longer than a webhook or a mail server may take.
LEASE = dt.timedelta(minutes=5)
# A pass stops calling a receiver that has failed this often in it, or has taken this long in all.
MOST_FAILURES, MOST_SECONDS = 3, 40.0
# Kinds of which the person's mail tells, if the device is new.
ABOUT_DEVICES = (
    SecurityAlert.Kind.NEW_DEVICE, SecurityAlert.Kind.NEW_COUNTRY, SecurityAlert.Kind.IMPOSSIBLE_TRAVEL,
)  # fmt: skip
# In an attack, alerts of this time are gathered in one mail.
MAIL_PAUSE = dt.timedelta(minutes=1)
# The pause doubles from the first to the longest one. With this many attempts they add up to about a day.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30.0, 3_600.0
MOST_ATTEMPTS = 30


def make_pass() -> Counter[tuple[str, str]]:
    """Send what is due. Returns how many deliveries of each channel came to which state; pending is to be retried."""
    counts: Counter[tuple[str, str]] = Counter()
    for channel, since in _channels().items():
        _write_missing(channel, since)
        if channel == Name.MAIL:
            _send_together(counts)
        else:
            _send_each(channel, webhook.send if channel == Name.WEBHOOK else mail.send_to_person, counts)
    return counts


def switched_on() -> list[str]:
    """Return the channels of the settings, in the order in which they are served."""
    is_on = {
        Name.WEBHOOK: conf.ALERT_WEBHOOK_URL,
        Name.PERSON: conf.NEW_DEVICE_MAIL,
        Name.MAIL: conf.ALERT_MAIL,
    }
    return [name.value for name, value in is_on.items() if value]


def backoff_seconds(attempts: int) -> float:
    """Return the pause after this many attempts, at random around its mean: many senders must not come together."""
    pause = min(FIRST_PAUSE_SECONDS * 2.0 ** (attempts - 1), LONGEST_PAUSE_SECONDS)
    return pause * random.uniform(0.75, 1.25)


def _deliveries() -> Any:
    return AlertDelivery.objects.using(database())


def _channels() -> dict[str, dt.datetime]:
    """Return since when each channel is switched on; from now on, if this is the first pass that finds it so."""
    rows: Any = AlertChannel.objects.using(database())
    names = switched_on()
    known: dict[str, dt.datetime] = dict(rows.values_list("name", "since"))
    if off := set(known) - set(names):
        _deliveries().filter(channel__in=off, state=State.PENDING).update(state=State.SKIPPED)
        rows.filter(name__in=off).delete()
    if new := [name for name in names if name not in known]:
        rows.bulk_create([AlertChannel(name=name) for name in new], ignore_conflicts=True)
        known = dict(rows.values_list("name", "since"))
    return {name: known[name] for name in names if name in known}


def _write_missing(channel: str, since: dt.datetime) -> None:
    told = _deliveries().filter(alert=OuterRef("pk"), channel=channel)
    alerts = SecurityAlert.objects.using(database()).filter(
        ~Exists(told), timestamp__gte=max(since, timezone.now() - LOOK_BACK), kind__in=_kinds(channel)
    )
    if channel == Name.PERSON:
        alerts = alerts.filter(user__isnull=False)
    keys = alerts.order_by("timestamp", "pk").values_list("pk", flat=True)[:MOST_WRITTEN]
    missing = [AlertDelivery(alert_id=key, channel=channel) for key in keys]
    _deliveries().bulk_create(missing, ignore_conflicts=True)


def _kinds(channel: str) -> list[str]:
    """Return the kinds of alerts that a channel tells of."""
    if channel == Name.PERSON:  # a more severe alert of the same login may be about a new device, too
        return list(ABOUT_DEVICES)
    levels = SecurityAlert.Severity.values  # the highest first
    severe = levels[: levels.index(conf.ALERT_MIN_SEVERITY) + 1]
    return [kind for kind in SecurityAlert.Kind.values if SecurityAlert(kind=kind).severity in severe]


def _send_each(channel: str, send: Send, counts: Counter[tuple[str, str]]) -> None:
    """Take and send one after the other, so that a process that dies has taken only one."""
    ends = time.monotonic() + MOST_SECONDS
    failures = 0
    for delivery in _deliveries().due(channel)[:MOST_TAKEN]:
        if failures >= MOST_FAILURES or time.monotonic() > ends:
            return
        if not _deliveries().take(delivery, until=timezone.now() + LEASE):
            continue
        state, is_away = _tried([delivery], partial(send, delivery))
        counts[channel, state] += 1
        failures += is_away


def _send_together(counts: Counter[tuple[str, str]]) -> None:
    """Send one mail about all alerts that are due, unless one was sent a moment ago."""
    due = list(_deliveries().due(Name.MAIL)[:MOST_TAKEN])
    sent = _deliveries().filter(channel=Name.MAIL, sent_at__gt=timezone.now() - MAIL_PAUSE)
    if not due or sent.exists():
        return
    until = timezone.now() + LEASE
    taken = [delivery for delivery in due if _deliveries().take(delivery, until=until)]
    if taken:
        state, _ = _tried(taken, partial(mail.send_to_team, [delivery.alert for delivery in taken]))
        counts[Name.MAIL, state] += len(taken)


def _tried(deliveries: Sequence[AlertDelivery], send: Callable[[], None]) -> tuple[str, bool]:
    """Send, and write what came of it. Returns the state, and whether others would fail now as well."""
    try:
        send()
    except NotNeeded:
        return _settle(deliveries, State.SKIPPED), False
    except NotSent as error:
        return _retry_later(deliveries, str(error), is_final=error.is_final), error.is_away
    except Exception as error:  # a mail backend, a template or a user model of the site may raise anything
        report_fault("Sending an alert", error)
        return _retry_later(
            deliveries, f"an error of the site ({type(error).__name__})", is_final=False
        ), False
    return _settle(deliveries, State.SENT, sent_at=timezone.now(), last_error=""), False


def _settle(deliveries: Sequence[AlertDelivery], state: str, **changes: Any) -> str:
    for delivery in deliveries:
        _deliveries().held(delivery).update(state=state, **changes)
    return state


def _retry_later(deliveries: Sequence[AlertDelivery], reason: str, *, is_final: bool) -> str:
    """Write the reason and when to try again. Each delivery counts its own attempts; returns the state of the first."""
    states = []
    for delivery in deliveries:
        is_last = is_final or delivery.attempts >= MOST_ATTEMPTS
        state = State.FAILED if is_last else State.PENDING
        later = timezone.now() + dt.timedelta(seconds=backoff_seconds(delivery.attempts))
        held = _deliveries().held(delivery)
        held.update(state=state, next_attempt_at=later, last_error=reason[:200])
        states.append(state)
        if is_last:
            channel = delivery.get_channel_display()
            logger.error("Alert %s was not sent (%s): %s", delivery.alert_id, channel, reason)
    return str(states[0])
