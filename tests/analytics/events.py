"""Writes events for the tests, into tracking's tables."""

import datetime as dt
import os
import random
import uuid
from typing import Any
from urllib.parse import urlsplit

from django.db import connection

from tracking.models import ActivityLog, LoginEvent

METHODS = ("email", "google", "okta_saml", "")
REASONS = ("bad_password", "unknown_user", "mfa_failed")
DEVICES = ("desktop", "mobile", "tablet", "bot", "other")
BROWSERS = ("Chrome", "Safari", "Firefox", "")
SYSTEMS = ("Windows", "iOS", "Linux")


def login_event(moment: dt.datetime, **values: Any) -> LoginEvent:
    defaults: dict[str, Any] = {
        "login_method": "email",
        "success": True,
        "device_type": "desktop",
        "browser": "Chrome",
        "os": "Windows",
    }
    return LoginEvent(uuid=uuid.uuid4(), timestamp=moment, **defaults | values)


def any_login(randomness: random.Random, start: dt.datetime, days: float, **values: Any) -> LoginEvent:
    success = randomness.random() < 0.8
    return login_event(
        start + dt.timedelta(days=days * randomness.random()),
        **{
            "login_method": randomness.choice(METHODS),
            "success": success,
            "failure_reason": "" if success else randomness.choice(REASONS),
            "device_type": randomness.choice(DEVICES),
            "browser": randomness.choice(BROWSERS),
            "os": randomness.choice(SYSTEMS),
            "user_id": randomness.randrange(1, 200),
        }
        | values,
    )


def write_logins(number: int, *, start: dt.datetime, days: float, seed: int = 1) -> list[LoginEvent]:
    randomness = random.Random(seed)
    return LoginEvent.objects.bulk_create([any_login(randomness, start, days) for _ in range(number)])


def write_activities(number: int, *, start: dt.datetime, days: float, seed: int = 1) -> list[ActivityLog]:
    randomness = random.Random(seed)
    return ActivityLog.objects.bulk_create(
        [
            ActivityLog(
                uuid=uuid.uuid4(),
                timestamp=start + dt.timedelta(days=days * randomness.random()),
                action=randomness.choice(("pov.opened", "pov.updated", "report.exported")),
                entity_type="cortex.pov",
                entity_id=str(number),
            )
            for number in range(number)
        ]
    )


INSERT = """
    INSERT INTO login_events (uuid, timestamp, identifier, login_method, success, failure_reason, device_type, browser,
        os, user_agent, evidence)
    VALUES (gen_random_uuid(), %s, '', 'email', %s, '', 'desktop', 'Chrome', 'Linux', '', '{}')
"""
LOGIN_OF_A_USER = """
    INSERT INTO login_events (uuid, timestamp, user_id, identifier, login_method, success, failure_reason, device_type,
        browser, os, user_agent, evidence)
    VALUES (gen_random_uuid(), %s, %s, '', 'email', %s, '', 'desktop', 'Chrome', 'Linux', '', '{}')
"""


def url() -> str:
    """Return the URL of the test database."""
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
