"""Two months of logins and activities of the imported users, an attack among them, for the dashboard to show: its 30
days, and as many before to compare them with."""

import datetime as dt
import random
import uuid
from collections.abc import Iterator

from django.utils import timezone

from cortex.models import Pov, User
from tracking.device import parse_user_agent
from tracking.events import Activity, Event, Login
from tracking.hashes import hashed_name
from tracking.storage.drain import drain, written_uuids
from tracking.storage.write import announce

DAYS = 61
LOGINS = 6_000
PEOPLE = 200
ACTIVITIES = 1_200
ACTIONS = ("pov.opened",) * 6 + ("pov.updated",) * 3 + ("trr.submitted",) * 2 + ("report.exported",)
REASONS = ("bad_password",) * 6 + ("inactive",)
# The same each time, so that a second demo adds nothing.
NAMESPACE = uuid.UUID("3b0f5f0e-6f0e-4a6b-8e55-6d1d0c2f9a01")
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
USER_AGENTS = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/143.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/143.0.0.0 Safari/537.36 Edg/143.0.0.0",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/143.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    f"{IPHONE} Version/18.3 Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/143.0.0.0 Mobile Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 14; SM-X910) {WEBKIT} Chrome/143.0.0.0 Safari/537.36",
)
METHODS = ("email", "email", "email", "google", "okta_saml", "keycloak")
# The addresses are those of documentation, which have no country; so it is told. Two people log in from abroad once.
COUNTRIES = ("US",) * 4 + ("DE",) * 3 + ("GB", "FR", "NL", "PL", "ES", "JP", "BR", "IN")
TRAVELLERS = {4_000: "SE", 5_000: "CA"}
ATTACKER = "python-requests/2.32.3"


def record_logins() -> int:
    """How many events were new."""
    events = sorted(_events(random.Random(1)), key=lambda event: event.timestamp)
    known = written_uuids(events)
    fresh = [event for event in events if event.uuid not in known]
    for start in range(0, len(fresh), 500):
        announce(drain(fresh[start : start + 500]))
    return len(fresh)


def _events(randomness: random.Random) -> Iterator[Event]:
    people = list(User.objects.filter(legacy_id__isnull=False, is_active=True).order_by("legacy_id")[:PEOPLE])
    habits = {person.pk: randomness.sample(USER_AGENTS, 2) for person in people}
    homes = {person.pk: COUNTRIES[person.pk % len(COUNTRIES)] for person in people}
    for number in range(LOGINS if people else 0):
        person = randomness.choice(people)
        agent = habits[person.pk][randomness.random() < 0.15]
        failed = randomness.random() < 0.07 and number not in TRAVELLERS
        yield _login(
            number, _working_hour(randomness), agent, address=f"198.51.100.{person.pk % 250}", user_id=person.pk,
            identifier=person.email, success=not failed, failure_reason=randomness.choice(REASONS) if failed else "",
            login_method=randomness.choice(METHODS), country=TRAVELLERS.get(number, homes[person.pk]),
        )  # fmt: skip
    night = _midnight() - dt.timedelta(days=3) + dt.timedelta(hours=2)
    for number in range(40):
        name = hashed_name(f"stranger-{number}")
        yield _login(
            LOGINS + number, night + dt.timedelta(seconds=7 * number), ATTACKER, address="203.0.113.66",
            identifier=name, success=False, failure_reason="unknown_user", login_method="email",
        )  # fmt: skip
    povs = list(Pov.objects.order_by("id").values_list("id", flat=True)[:300])
    for number in range(ACTIVITIES if povs and people else 0):
        yield Activity(
            uuid=uuid.uuid5(NAMESPACE, f"activity {number}"),
            timestamp=_working_hour(randomness),
            action=randomness.choice(ACTIONS),
            user_id=randomness.choice(people).pk,
            entity_type="cortex.pov",
            entity_id=str(randomness.choice(povs)),
        )


def _login(number: int, moment: dt.datetime, agent: str, *, address: str, **values: object) -> Login:
    device = parse_user_agent(agent)
    return Login(
        uuid=uuid.uuid5(NAMESPACE, f"login {number}"),
        timestamp=moment,
        device_type=device.device_type,
        browser=device.browser,
        os=device.os,
        ip_address=address,
        user_agent=agent,
        **values,  # type: ignore[arg-type]
    )


def _working_hour(randomness: random.Random) -> dt.datetime:
    """More by day than by night, and less at weekends."""
    while True:
        moment = _midnight() - dt.timedelta(days=randomness.randint(1, DAYS))
        moment += dt.timedelta(
            hours=min(23.9, max(0.0, randomness.gauss(13, 3.5))), seconds=randomness.random() * 60
        )
        if moment.weekday() < 5 or randomness.random() < 0.2:
            return moment


def _midnight() -> dt.datetime:
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
