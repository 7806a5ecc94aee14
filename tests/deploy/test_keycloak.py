"""The realm, as far as it can be tested without Keycloak, which is not installable here."""

import json
import re
import subprocess

import pytest

from tests.deploy.compose import SERVICES
from tests.deploy.production import DEPLOY

REALM = json.loads((DEPLOY / "keycloak/realm.json").read_text())
CLIENT = next(client for client in REALM["clients"] if client["clientId"] == "cortex")


def test_the_site_s_client_is_confidential_and_knows_one_way_to_log_in() -> None:
    assert CLIENT["publicClient"] is False
    assert CLIENT["standardFlowEnabled"] is True
    for other in (
        "implicitFlowEnabled",
        "directAccessGrantsEnabled",
        "serviceAccountsEnabled",
        "fullScopeAllowed",
    ):
        assert CLIENT[other] is False, other
    assert CLIENT["attributes"]["pkce.code.challenge.method"] == "S256"


def test_no_client_takes_passwords_not_even_the_one_that_keycloak_would_make() -> None:
    shell = next(client for client in REALM["clients"] if client["clientId"] == "admin-cli")

    assert shell["enabled"] is False
    assert not any(client["directAccessGrantsEnabled"] for client in REALM["clients"])


def test_answers_go_to_one_address_of_the_site_alone() -> None:
    assert CLIENT["redirectUris"] == ["https://${CORTEX_DOMAIN}/accounts/oidc/keycloak/login/callback/"]
    assert CLIENT["webOrigins"] == []


def test_guesses_are_slowed_down_and_nobody_registers_himself() -> None:
    assert REALM["bruteForceProtected"] is True
    assert REALM["registrationAllowed"] is False
    assert REALM["sslRequired"] == "external"


def test_there_is_no_secret_in_the_realm_and_each_placeholder_is_filled() -> None:
    text = json.dumps(REALM)
    script = (DEPLOY / "keycloak/start.sh").read_text()
    exported = set(" ".join(re.findall(r"^export (.+)$", script, re.MULTILINE)).split())

    assert CLIENT["secret"] == "${KEYCLOAK_CLIENT_SECRET}"
    assert set(re.findall(r"\$\{(\w+)\}", text)) <= exported | SERVICES["keycloak"]["environment"].keys()


def test_what_is_settled_at_the_build_is_not_said_again_at_the_start() -> None:
    # Keycloak would ignore it, or rebuild itself, which a read-only root does not allow.
    recipe = (DEPLOY / "keycloak/Dockerfile").read_text()
    built_in = set(re.findall(r"\b(KC_\w+)=", recipe))

    assert built_in == {"KC_DB", "KC_HEALTH_ENABLED", "KC_METRICS_ENABLED", "KC_HTTP_RELATIVE_PATH"}
    assert not built_in & SERVICES["keycloak"]["environment"].keys()
    assert "start --optimized" in (DEPLOY / "keycloak/start.sh").read_text()


@pytest.mark.parametrize("script", sorted(DEPLOY.rglob("*.sh")), ids=lambda path: path.name)
def test_every_script_is_one(script: object) -> None:
    assert subprocess.run(["bash", "-n", str(script)], capture_output=True).returncode == 0
