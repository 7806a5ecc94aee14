"""Prometheus' own tool checks its configuration, the alerts, and the queries of Grafana's dashboard."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.compose import SERVICES
from tests.deploy.production import DEPLOY, installed

FOLDER = DEPLOY / "prometheus"
RULES = FOLDER / "rules/cortex.yml"
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
]
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))


def promtool(*arguments: str, folder: Path = FOLDER) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [installed("promtool"), *arguments], cwd=folder, capture_output=True, text=True, timeout=110
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "rules/cortex.yml"),
        ("test", "rules", "rules_test.yml"),
        ("test", "rules", "rules_days_test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_nothing(arguments: tuple[str, ...], tmp_path: Path) -> None:
    # The tool checks that the token's file exists, which has the container's path.
    (tmp_path / "metrics_token").write_text("a token")
    folder = shutil.copytree(FOLDER, tmp_path / "prometheus")
    configuration = folder / "prometheus.yml"
    assert "/run/secrets/" in configuration.read_text()
    configuration.write_text(configuration.read_text().replace("/run/secrets/", f"{tmp_path}/"))

    result = promtool(*arguments, folder=folder)

    assert result.returncode == 0, result.stdout + result.stderr


def test_the_tests_of_the_alerts_would_notice_one_that_is_wrong(tmp_path: Path) -> None:
    wrong = RULES.read_text().replace(
        "pgbouncer_pools_client_maxwait_seconds > 1", "pgbouncer_pools_client_maxwait_seconds > 9"
    )
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/cortex.yml").write_text(wrong)
    tests = yaml.safe_load((FOLDER / "rules_test.yml").read_text())
    tests["tests"] = [test for test in tests["tests"] if test["name"].startswith("the pool is full")]
    assert tests["tests"]
    (tmp_path / "rules_test.yml").write_text(yaml.safe_dump(tests))

    result = promtool("test", "rules", str(tmp_path / "rules_test.yml"))

    assert wrong != RULES.read_text()
    assert result.returncode == 1


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_what_is_wrong_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["action"]


def test_it_looks_at_services_that_there_are() -> None:
    jobs = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    hosts = {
        re.sub(r"^\w+://|:\d+(/.*)?$", "", target)
        for job in jobs
        for config in [*job.get("static_configs", []), *job.get("dns_sd_configs", [])]
        for target in config.get("targets", config.get("names", []))
    }

    assert hosts - {"localhost"} <= set(SERVICES)
    assert {"web", "postgres-exporter", "pgbouncer-exporter", "redis-cache", "redis-sessions"} <= hosts


def test_the_metrics_of_backup_and_drill_are_those_that_the_scripts_write() -> None:
    asked = set(re.findall(r"\bcortex_(?:backup|restore|checksum)_\w+", RULES.read_text()))
    for dashboard in DASHBOARDS:
        asked |= set(re.findall(r"\bcortex_(?:backup|restore|checksum)_\w+", dashboard.read_text()))
    written = {
        name
        for script in (DEPLOY / "backup").glob("*.sh")
        for name in re.findall(r"^# TYPE (\w+) gauge", script.read_text(), re.MULTILINE)
    }

    assert asked
    assert asked <= written


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.name)
def test_a_dashboard_asks_what_prometheus_understands(dashboard: Path, tmp_path: Path) -> None:
    content = json.loads(dashboard.read_text())
    asked = [target["expr"] for panel in content["panels"] for target in panel["targets"]]
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(asked)]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    result = promtool("check", "rules", str(path))

    assert len(asked) > 10
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(asked)} rules found" in result.stdout


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.name)
def test_a_dashboard_reads_the_source_that_is_provisioned_and_lies_where_it_is_looked_for(
    dashboard: Path,
) -> None:
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/cortex.yml").read_text())
    content = json.loads(dashboard.read_text())
    panels = content["panels"]

    uid = source["datasources"][0]["uid"]
    assert {panel["datasource"]["uid"] for panel in panels} == {uid}
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {uid}
    assert len({panel["id"] for panel in panels}) == len(panels)
    mounts = SERVICES["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['providers'][0]['options']['path']}:ro" in mounts
