"""The script that creates the secrets."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.production import DEPLOY, DOMAIN

SCRIPT = DEPLOY / "secrets/make.sh"


def make(folder: Path, *, cwd: Path | None = None) -> str:
    result = subprocess.run(
        ["sh", str(SCRIPT), str(folder)],
        env=os.environ | {"CORTEX_DOMAIN": DOMAIN},
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
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
    for of_others in ("legacy_database_password", "email_host_password"):
        del values[of_others]
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
    assert said == "created database_web_password\n"
    assert new != old
    assert f'"cortex_web" "{new}"' in (folder / "pgbouncer_users").read_text()
    assert old not in (folder / "pgbouncer_users").read_text()


def test_redis_gets_digests_and_never_a_password(folder: Path) -> None:
    for kind in ("cache", "sessions"):
        rules = (folder / f"redis_{kind}_acl").read_text()
        assert (folder / f"redis_{kind}_password").read_text() not in rules
        assert (folder / "redis_exporter_password").read_text() not in rules
        assert "user default off" in rules


def identities(folder: Path) -> dict[str, tuple[str, str, list[str]]]:
    """Returns SeaweedFS' identities: name → key, its secret, rights."""
    told = json.loads((folder / "seaweedfs_identities").read_text())["identities"]
    return {
        it["name"]: (it["credentials"][0]["accessKey"], it["credentials"][0]["secretKey"], it["actions"])
        for it in told
    }


def read(folder: Path, *names: str) -> tuple[str, ...]:
    return tuple((folder / name).read_text() for name in names)


def test_the_site_s_key_is_for_its_bucket_and_another_one_makes_it(folder: Path) -> None:
    site, admin = (
        read(folder, "s3_access_key", "s3_secret_key"),
        read(folder, "s3_admin_access_key", "s3_admin_secret_key"),
    )

    assert identities(folder) == {
        "cortex": (*site, ["Read:cortex", "Write:cortex", "List:cortex", "Tagging:cortex"]),
        "admin": (*admin, ["Admin"]),
    }
    assert len({*site, *admin}) == 4
    assert all(re.fullmatch(r"[A-Z0-9]{20}|[A-Za-z0-9]{40}", secret) for secret in (*site, *admin))


def test_a_deployment_with_one_key_for_all_gets_the_other_and_keeps_its_own(folder: Path) -> None:
    own = read(folder, "s3_access_key", "s3_secret_key")
    for name in ("s3_admin_access_key", "s3_admin_secret_key", "seaweedfs_identities"):
        (folder / name).unlink()

    said = make(folder)

    assert said.splitlines() == ["created s3_admin_secret_key", "created s3_admin_access_key"]
    assert identities(folder)["cortex"][:2] == own
    assert identities(folder)["admin"][2] == ["Admin"]


@pytest.mark.parametrize(
    "line", ["S3_BUCKET=files-of-ours", 'S3_BUCKET="files-of-ours"', "S3_BUCKET=a\nS3_BUCKET=files-of-ours"]
)
def test_the_bucket_is_that_of_the_stack_s_env_file(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"{line}\n")

    make(tmp_path / "secrets", cwd=tmp_path)

    rights = identities(tmp_path / "secrets")["cortex"][2]
    assert rights == [f"{right}:files-of-ours" for right in ("Read", "Write", "List", "Tagging")]


@pytest.mark.parametrize("bucket", ["*", "a/b", 'a", "Admin', "a b"])
def test_a_bucket_that_would_be_other_rights_is_refused(tmp_path: Path, bucket: str) -> None:
    told = subprocess.run(
        ["sh", str(SCRIPT), str(tmp_path / "secrets")],
        env=os.environ | {"S3_BUCKET": bucket}, capture_output=True, text=True,
    )  # fmt: skip

    assert told.returncode == 1
    assert told.stderr == f'Invalid S3_BUCKET "{bucket}": use letters, digits, dots and hyphens.\n'
    assert not (tmp_path / "secrets").exists()


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
