"""Debian's exporters with the accounts of deploy/ export every metric that alerts and dashboards use.

Debian does not have the compose file's exporter for PgBouncer.
"""

import os
import re
import subprocess
import time
import urllib.request

import pytest

from cortex.embedded.ports import free_port
from tests.deploy.production import DEPLOY, Database, Place, installed, listens, start_redis

ASKED = "".join(
    path.read_text()
    for path in (DEPLOY / "prometheus/rules/cortex.yml", *(DEPLOY / "grafana/dashboards").iterdir())
)
NO_METRICS = {"pg_stat_activity", "pg_terminate_backend"}  # words of the alerts' actions


def asked_of(kind: str) -> set[str]:
    return set(re.findall(rf"\b{kind}_\w+", ASKED)) - NO_METRICS


def told(place: Place, command: list[str], port: int, path: str, **environment: str) -> str:
    with (place.folder / "exporter.log").open("ab") as log:
        child = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while not listens(port) and time.monotonic() < deadline:
            time.sleep(0.05)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as response:
            return str(response.read().decode())
    finally:
        place.end(child)


def names(text: str) -> set[str]:
    return set(re.findall(r"^(\w+)[{ ]", text, re.MULTILINE))


def test_postgres_is_measured_as_the_alerts_want_it(deployment: Place, database: Database) -> None:
    port = free_port()
    command = [installed("prometheus-postgres-exporter"), f"--web.listen-address=127.0.0.1:{port}"]

    text = told(
        deployment,
        command,
        port,
        "/metrics",
        DATA_SOURCE_URI=f"127.0.0.1:{database.port}/postgres?sslmode=disable",
        DATA_SOURCE_USER="cortex_exporter",
        DATA_SOURCE_PASS_FILE=str(deployment.secrets / "database_exporter_password"),
    )

    assert "\npg_up 1\n" in text
    assert len(asked_of("pg")) >= 8
    assert asked_of("pg") - names(text) == set()
    assert 'datname="cortex"' in text


@pytest.mark.parametrize("kind", ["cache", "sessions"])
def test_redis_is_measured_as_the_alerts_want_it(deployment: Place, kind: str) -> None:
    server, port = start_redis(deployment, kind), free_port()
    passwords = deployment.folder / f"exporter-passwords-{kind}"
    made = (deployment.secrets / "redis_exporter_passwords").read_text()
    assert f"redis-{kind}:6379" in made
    passwords.write_text(made.replace(f"redis-{kind}:6379", f"127.0.0.1:{server.port}"))
    command = [installed("prometheus-redis-exporter"), f"-web.listen-address=127.0.0.1:{port}"]

    text = told(
        deployment,
        command,
        port,
        f"/scrape?target=redis://127.0.0.1:{server.port}",
        REDIS_ADDR="",
        REDIS_USER="exporter",
        REDIS_PASSWORD_FILE=str(passwords),
    )

    assert "\nredis_up 1\n" in text, text[-500:]
    assert len(asked_of("redis")) >= 7
    assert asked_of("redis") - names(text) == set()
