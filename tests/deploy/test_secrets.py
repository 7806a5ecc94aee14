"""The script that makes the secrets."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.production import DEPLOY, DOMAIN

SCRIPT = DEPLOY / "secrets/make.sh"


def make(folder: Path) -> str:
    result = subprocess.run(
        ["sh", str(SCRIPT), str(folder)],
        env=os.environ | {"CORTEX_DOMAIN": DOMAIN},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path / "secrets")
    return tmp_path / "secrets"


def test_nobody_else_can_enter_the_folder_and_every_container_can_read_a_file(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o644}


def test_secrets_are_long_random_and_different(folder: Path) -> None:
    values = {file.name: file.read_text() for file in folder.glob("*_password")}
    del values["legacy_database_password"]  # of a system that is there already
    values["secret_key"] = (folder / "secret_key").read_text()

    assert len(values) == 13
    assert len(set(values.values())) == len(values)
    for name, value in values.items():
        assert re.fullmatch(r"[A-Za-z0-9]{40,}", value), name
    assert len(values["secret_key"]) >= 50


@pytest.mark.parametrize(
    "name",
    ["google_client_secret", "okta_oidc_client_secret", "legacy_database_password", "alert_webhook_url"],
)
def test_what_others_give_out_is_empty_until_somebody_fills_it_in(folder: Path, name: str) -> None:
    theirs = folder / name
    assert theirs.read_text() == ""
    theirs.write_text("given by Google")

    make(folder)

    assert theirs.read_text() == "given by Google"


def test_a_second_run_changes_nothing_and_shows_nothing(folder: Path) -> None:
    before = {file.name: file.read_text() for file in folder.iterdir()}

    said = make(folder)

    assert {file.name: file.read_text() for file in folder.iterdir()} == before
    assert said == ""


def test_a_secret_that_is_deleted_is_made_anew_and_arrives_everywhere(folder: Path) -> None:
    old = (folder / "database_web_password").read_text()
    (folder / "database_web_password").unlink()

    said = make(folder)

    new = (folder / "database_web_password").read_text()
    assert said == "made database_web_password\n"
    assert new != old
    assert f'"cortex_web" "{new}"' in (folder / "pgbouncer_users").read_text()
    assert old not in (folder / "pgbouncer_users").read_text()


def test_redis_gets_digests_and_never_a_password(folder: Path) -> None:
    for kind in ("cache", "sessions"):
        rules = (folder / f"redis_{kind}_acl").read_text()
        assert (folder / f"redis_{kind}_password").read_text() not in rules
        assert (folder / "redis_exporter_password").read_text() not in rules
        assert "user default off" in rules


def test_folder_and_name_are_those_of_the_stack_s_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('CORTEX_DOMAIN="shop.example"\nSECRETS_DIR=kept here\n')
    bare = {name: value for name, value in os.environ.items() if name not in ("CORTEX_DOMAIN", "SECRETS_DIR")}

    subprocess.run(["sh", str(SCRIPT)], cwd=tmp_path, env=bare, check=True, capture_output=True)

    shown = ["openssl", "x509", "-noout", "-subject", "-in", str(tmp_path / "kept here/tls_certificate")]
    assert "shop.example" in subprocess.run(shown, check=True, capture_output=True, text=True).stdout


def test_a_certificate_of_one_s_own_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "tls_certificate").write_text("mine")
    (folder / "tls_key").write_text("mine as well")

    make(folder)

    assert (folder / "tls_certificate").read_text() == "mine"
