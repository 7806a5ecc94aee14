"""docs/importer/reference.md names all settings and commands, and links between documents work."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from importer import signals
from importer.conf import KEYS
from importer.models import DataImportJob, StagingRecord
from importer.specs.spec import Options
from tests.paths import PROJECT

REFERENCE = (PROJECT / "docs" / "importer" / "reference.md").read_text()
DOCUMENTS = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("deploy/*.md")]
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def test_every_setting_is_documented() -> None:
    assert [key for key in sorted(KEYS) if f"`{key}`" not in REFERENCE] == []


def test_every_option_of_a_spec_is_documented() -> None:
    assert [name for name in Options.__dataclass_fields__ if f"| `{name}` |" not in REFERENCE] == []


def test_every_command_is_documented() -> None:
    commands = [name for name, app in get_commands().items() if app == "importer"]

    assert len(commands) == 12
    assert [name for name in commands if f"| `{name}" not in REFERENCE] == []


def test_every_signal_and_state_is_documented() -> None:
    names = [name for name, value in vars(signals).items() if isinstance(value, signals.Signal)]
    values = [*StagingRecord.State.values, *DataImportJob.Status.values, *DataImportJob.Format.values]

    assert len(names) == 3
    assert [name for name in (*names, *values) if f"`{name}`" not in REFERENCE] == []


def test_every_check_is_documented() -> None:
    ids = re.findall(r'id="(importer\.[EW]\d+)"', (PROJECT / "importer" / "checks.py").read_text())

    assert len(ids) == 22
    assert [found for found in sorted(ids) if f"`{found}`" not in REFERENCE] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    links = [link for link in LINK.findall(document.read_text()) if "://" not in link]

    assert [link for link in links if not leads_somewhere(document, link)] == []


def leads_somewhere(document: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (document.parent / name).resolve() if name else document
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub creates for headings."""
    headings = HEADING.findall(CODE_BLOCK.sub("", document.read_text()))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
