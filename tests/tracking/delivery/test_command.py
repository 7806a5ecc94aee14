"""Tests the command `send_alerts`: what it says, and that it ends cleanly."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command

from tests.paths import PROJECT
from tests.tracking.delivery.conftest import alert
from tests.tracking.delivery.receiver import Receiver, answers

pytestmark = pytest.mark.django_db(transaction=True)


def said() -> str:
    out = io.StringIO()
    call_command("send_alerts", stdout=out)
    return out.getvalue()


def test_it_says_that_nobody_is_told(settings: Any) -> None:
    assert said() == "Alerts are sent to nobody: set ALERT_MAIL, ALERT_WEBHOOK_URL or NEW_DEVICE_MAIL.\n"


@pytest.mark.usefixtures("mail_on")
def test_it_says_what_it_did() -> None:
    assert said() == "No alert was due.\n"
    alert()
    alert()

    assert said() == "mail: 2 sent\n"
    assert len(mail.outbox) == 1


def test_it_says_what_is_to_be_retried(webhook_on: Receiver) -> None:
    webhook_on.habit = answers("500 Oops")
    alert()

    assert said() == "webhook: 1 to be retried\n"


@pytest.mark.timeout(60)
def test_forever_ends_on_sigterm(tmp_path: Path) -> None:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.tracking.hosts.plain",
        "HOST_SPOOL": str(tmp_path),
        "HOST_TRACKING": '{"ALERT_MAIL": ["security@example.com"]}',
        "PYTHONUNBUFFERED": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "django", "send_alerts", "--forever", "--skip-checks"],
        env=environment, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    # The database has no tables: it says so, and tries again.
    assert process.stderr.readline() == "Waiting to retry: no such table: alert_channels\n"

    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)

    assert (process.returncode, output) == (0, "Stopped.\n")
    assert time.monotonic() - began < 3
