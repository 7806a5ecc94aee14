"""A receiver on this machine, the settings that send to it, and alerts to send."""

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from tests.tracking.delivery.receiver import Receiver, receiving
from tracking.delivery.outbox import make_pass
from tracking.models import AlertDelivery, SecurityAlert

SECRET = "whsec_" + "bm8gc2VjcmV0LCBidXQgbG9uZyBlbm91Z2ggZm9yIGE="
DEVICE = {"device_type": "desktop", "browser": "Firefox", "os": "Linux"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def configured(settings: Any) -> Callable[..., None]:
    """Returns a function that switches channels on, and makes the first pass, after which alerts are sent."""

    def configure(**changes: Any) -> None:
        settings.TRACKING = settings.TRACKING | {"SITE_URL": "https://cortex.example.com"} | changes
        make_pass()

    return configure


@pytest.fixture
def webhook_on(configured: Any, receiver: Receiver) -> Receiver:
    configured(
        ALERT_WEBHOOK_URL=receiver.url, ALERT_WEBHOOK_SECRET=SECRET, ALERT_WEBHOOK_PRIVATE_HOSTS=["localhost"]
    )
    return receiver


@pytest.fixture
def mail_on(configured: Any) -> None:
    configured(ALERT_MAIL=["security@example.com"])


@pytest.fixture
def person_on(configured: Any) -> None:
    configured(NEW_DEVICE_MAIL=True)


numbers = itertools.count()


def alert(kind: str = "spraying", **fields: Any) -> SecurityAlert:
    values = {"ip_address": "203.0.113.7", "occasion": f"test {next(numbers)}", "evidence": {}}
    return SecurityAlert.objects.create(kind=kind, **values | fields)


def new_device(user: Any, **fields: Any) -> SecurityAlert:
    return alert("new_device", user_id=user.pk, identifier=user.get_username(), evidence=DEVICE, **fields)


def person(email: str = "ann@example.com", **fields: Any) -> Any:
    return get_user_model()._default_manager.create_user(email, password="correct horse", **fields)  # type: ignore[attr-defined]


def states() -> list[tuple[str, str, int]]:
    return list(AlertDelivery.objects.order_by("pk").values_list("channel", "state", "attempts"))


def is_due_now() -> None:
    """Let the pauses between attempts, and leases, be over."""
    AlertDelivery.objects.update(next_attempt_at=timezone.now() - dt.timedelta(seconds=1))
