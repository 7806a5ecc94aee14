"""Alertmanager with deploy/'s configuration: which alerts it sends, and their text."""

import http.server
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from cortex.embedded.ports import free_port
from tests.deploy.production import Place, installed, listens


@pytest.fixture
def told() -> Iterator[list[dict[str, Any]]]:
    """Runs a webhook. Yields its address first, and then what arrives."""
    messages: list[dict[str, Any]] = []

    class Webhook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            """Logs nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    messages.append({"address": f"http://127.0.0.1:{server.server_port}/hook"})
    yield messages
    server.shutdown()
    server.server_close()


def test_people_are_told_what_is_wrong_and_what_to_do(deployment: Place, told: list[dict[str, Any]]) -> None:
    port = free_port()
    (deployment.secrets / "alert_webhook_url").write_text(told.pop()["address"])
    configuration = deployment.adapt(
        "alertmanager/alertmanager.yml",
        {"/run/secrets/": f"{deployment.secrets}/", "group_wait: 30s": "group_wait: 100ms"},
    )
    command = [
        installed("prometheus-alertmanager"), f"--config.file={configuration}", "--cluster.listen-address=",
        f"--storage.path={deployment.make('alertmanager')}", f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    server = deployment.launch("alertmanager", command, is_up=lambda: listens(port))
    down = {"labels": {"alertname": "ServiceDown", "job": "postgres", "severity": "critical"}}
    alerts = [
        down | {"annotations": {"summary": "postgres does not answer", "action": "look at its log"}},
        {
            "labels": {"alertname": "SiteGone", "severity": "critical"},
            "annotations": {"summary": "x", "action": "y"},
        },
    ]

    ask(port, "/api/v2/alerts", alerts)
    deadline = time.monotonic() + 20
    while not told and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    deployment.end(server)

    # The site is down because the database is: one message.
    (message,) = told
    (attachment,) = message["attachments"]
    assert attachment["title"] == "FIRING: ServiceDown"
    assert attachment["text"].strip() == "postgres does not answer – look at its log"


def ask(port: int, path: str, content: Any) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(content).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=10).close()
