"""Reads the compose file as Docker does, for tests."""

import re
from typing import Any

import yaml

from tests.paths import PROJECT

FILE = PROJECT / "docker-compose.production.yml"
# ${NAME}, ${NAME:-default}, ${NAME:+what stands there with a value}, ${NAME:?message}; `$$` is a plain dollar sign.
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<rest>:?[-?+][^}]*)?\}")

STACK: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
ONE_SHOT = {"migrate"}
ALWAYS = sorted(SERVICES.keys() - ONE_SHOT)


def variables() -> set[str]:
    return {match["name"] for match in VARIABLE.finditer(FILE.read_text())}


def interpolated(text: str, values: dict[str, str]) -> str:
    """Substitutes variables as Docker does. A variable without a value or a default is an error."""

    def value(match: re.Match[str]) -> str:
        rest = match["rest"] or ""
        if rest.startswith(":+"):
            return rest[2:] if values.get(match["name"]) else ""
        default = rest.removeprefix(":").removeprefix("-") if rest.startswith((":-", "-")) else None
        found = values.get(match["name"]) or default
        assert found is not None, match[0]
        return found

    return VARIABLE.sub(value, text)


def environment_of(service: str, values: dict[str, str]) -> dict[str, str]:
    return {name: interpolated(text, values) for name, text in SERVICES[service]["environment"].items()}


def networks_of(service: str) -> set[str]:
    return set(SERVICES[service].get("networks", []))


def secrets_of(service: str) -> set[str]:
    return set(SERVICES[service].get("secrets", []))
