"""Tests that docs/tracking.md lists every setting, command, signal and check."""

from django.core.management import get_commands

from tests.paths import PROJECT
from tracking import signals
from tracking.conf import KEYS
from tracking.models import SecurityAlert, UserSession

TEXT = (PROJECT / "docs" / "tracking.md").read_text()


def test_every_setting_is_documented() -> None:
    assert [key for key in sorted(KEYS) if f"`{key}`" not in TEXT] == []


def test_every_command_is_documented() -> None:
    commands = [name for name, app in get_commands().items() if app == "tracking"]

    assert len(commands) == 9
    assert [name for name in commands if f"`{name}" not in TEXT] == []


def test_every_signal_alert_and_end_is_documented() -> None:
    names = [name for name in vars(signals) if name.endswith(("recorded", "started", "ended", "raised"))]
    values = [*SecurityAlert.Kind.values, *UserSession.EndReason.values]

    assert len(names) == 4
    assert [name for name in (*names, *values) if f"`{name}`" not in TEXT] == []


def test_every_check_is_documented() -> None:
    modules = (PROJECT / "tracking" / "checks.py", PROJECT / "tracking" / "delivery" / "checks.py")
    words = [word for module in modules for word in module.read_text().split()]
    ids = {word.strip('",') for word in words if word.startswith('id="tracking.')}
    ids = {found.removeprefix('id="tracking.') for found in ids}

    assert len(ids) == 24
    assert [found for found in sorted(ids) if found not in TEXT] == []
