"""nginx with production's configuration: its headers, limits and proxying."""

import json
import re
import subprocess

import pytest

from tests.deploy.compose import PROJECT, SERVICES, interpolated
from tests.deploy.nginx import Nginx, logged, new_network, nginx_test, start_nginx
from tests.deploy.production import Place

pytestmark = pytest.mark.timeout(120)
FILES = "/admin/importer/dataimportjob/add/"
MEGABYTE = 1_048_576
HSTS = "max-age=31536000; includeSubDomains"


def test_nginx_accepts_the_file_as_it_is(deployment: Place) -> None:
    result = nginx_test(deployment)

    assert result.returncode == 0, result.stderr
    assert "[emerg]" not in result.stderr
    assert "[warn]" not in result.stderr


KINDS = {
    "of the site": ("/any/", 200),
    "of Grafana": ("/grafana/", 200),
    "not found": ("/metrics", 404),
    "static": ("/static/site.css", 200),
    "static with a hash": ("/static/site.0123456789ab.css", 200),
    "static that is not there": ("/static/other.css", 404),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_has_hsts_once(nginx: Nginx, kind: str) -> None:
    path, status = KINDS[kind]

    response, _ = nginx.ask(path, network=new_network())

    assert response.status == status
    assert response.headers.get_all("Strict-Transport-Security") == [HSTS]


def test_refusals_have_hsts_once(nginx: Nginx) -> None:
    network = new_network()
    too_large, _ = nginx.ask("/", method="POST", body=bytes(2 * MEGABYTE), network=network)
    too_often = [nginx.ask("/admin/login/", method="POST", network=network)[0] for _ in range(12)][-1]
    gone, _ = nginx.ask("/auth/realms/cortex/", network=network)
    malformed, _ = nginx.ask("/", network=network, Host="a b")

    refusals = {refusal.status: refusal for refusal in (too_large, too_often, gone, malformed)}
    assert set(refusals) == {413, 429, 502, 400}
    for refusal in refusals.values():
        assert refusal.headers.get_all("Strict-Transport-Security") == [HSTS], refusal.status


@pytest.mark.parametrize("path", ["/accounts/password/reset/key/", "/devices/not-me/"])
def test_the_link_of_a_mail_is_in_no_log(nginx: Nginx, path: str) -> None:
    network = new_network()
    nginx.ask(f"{path}1a-c4n4ry-0123/?next=/", network=network)

    (line,) = logged(nginx, 1, client=network)

    assert line["path"] == f"{path}***"
    assert "c4n4ry" not in str(line)


def test_what_the_site_says_itself_is_not_said_twice(nginx: Nginx) -> None:
    assert nginx.ask("/any/")[0].headers.get_all("X-Frame-Options") == ["DENY"]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"HSTS_SECONDS": "3600", "HSTS_SUBDOMAINS": "False"}, ["max-age=3600"]),
        ({"HSTS_SECONDS": "0060"}, ["max-age=60; includeSubDomains"]),
        ({"HSTS_SECONDS": "0"}, None),
        ({}, [HSTS]),
    ],
)
def test_hsts_is_what_the_environment_says(
    deployment: Place, upstream: int, environment: dict[str, str], said: list[str] | None
) -> None:
    name = f"hsts-{'-'.join(environment.values())}"
    other = start_nginx(deployment, web=upstream, name=name, **environment)
    try:
        for path in ("/any/", "/metrics", "/static/site.css"):
            assert other.ask(path)[0].headers.get_all("Strict-Transport-Security") == said, path
    finally:
        deployment.end(deployment.children[-1])


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HSTS_SECONDS", "a year"), ("HSTS_SECONDS", "-1"), ("HSTS_SUBDOMAINS", "perhaps")],
)
def test_a_value_that_is_not_valid_is_refused_in_a_line(variable: str, value: str) -> None:
    told = subprocess.run(
        ["/bin/sh", str(PROJECT / "deploy/nginx/start.sh")],
        env={"PATH": "/usr/bin:/bin", variable: value}, capture_output=True, text=True,
    )  # fmt: skip

    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith(f'Invalid {variable} "{value}": use ')
    assert told.stderr.count("\n") == 1


def test_nginx_and_the_site_are_told_the_same_hsts() -> None:
    chosen = {"HSTS_SECONDS": "60", "HSTS_SUBDOMAINS": "false"}
    told = [
        [interpolated(SERVICES[service]["environment"][name], chosen) for name in chosen]
        for service in ("nginx", "web")
    ]

    assert told[0] == told[1] == ["60", "false"]


# -- who is who, and where passwords are tried -----------------------------------------------------------------------


def refused_after_ten(nginx: Nginx, address: str, other: str) -> int:
    """Uses up the tries of one address. Returns the status that another one gets then."""
    statuses = [nginx.ask("/admin/login/", method="POST", network=address)[0].status for _ in range(15)]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    return nginx.ask("/admin/login/", method="POST", network=other)[0].status


@pytest.mark.parametrize(
    ("address", "other", "status"),
    [
        ("2001:db8:1:1::1", "2001:db8:1:1:ffff:ffff:ffff:ffff", 429),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", 200),
        # Bytes that end lines, and bytes that are not valid text.
        ("2001:db8:0a0a:0a0d::a0a", "2001:db8:0a0a:0a0d:d0a::", 429),
        ("2001:db8:ffc0:80fe::1", "2001:db8:ffc0:80ff::1", 200),
        ("203.0.113.1", "203.0.113.2", 200),
        ("203.0.113.10", "203.0.113.11", 200),
        ("::ffff:203.0.113.3", "::ffff:203.0.113.4", 200),
        ("::ffff:203.0.113.5", "203.0.113.5", 429),
    ],
)
def test_a_network_is_an_ipv4_address_or_64_bits_of_an_ipv6_one(
    nginx: Nginx, address: str, other: str, status: int
) -> None:
    assert refused_after_ten(nginx, address, other) == status


def test_it_listens_to_ipv6_where_it_is_told_to(deployment: Place, upstream: int) -> None:
    nginx = start_nginx(deployment, web=upstream, name="ipv6", address="::1")

    asked = [nginx.ask("/admin/login/", method="POST")[0].status for _ in range(15)]

    assert (asked[0], asked[-1]) == (200, 429)
    assert len(logged(nginx, 15, client="::1")) == 15
    deployment.end(deployment.children[-1])


def tried(nginx: Nginx, path: str, *, method: str, times: int) -> int:
    """Sends simultaneous requests of one network. Returns how many were rejected."""
    network = new_network()
    statuses = [nginx.ask(path, method=method, network=network)[0].status for _ in range(times)]
    assert set(statuses) <= {200, 429}
    return statuses.count(429)


@pytest.mark.parametrize(
    "path",
    ["/admin/login/", "/accounts/login/", "/grafana/login", "/grafana/login/", "/grafana/login/generic_oauth",
     "/grafana//login", "/grafana/%6cogin", "/accounts/./login/"],
)  # fmt: skip
def test_passwords_are_tried_ten_times_a_minute_and_looked_for_freely(nginx: Nginx, path: str) -> None:
    assert 5 <= tried(nginx, path, method="POST", times=20) <= 9
    assert tried(nginx, path, method="GET", times=20) == 0


@pytest.mark.parametrize("provider", ["google", "oidc/keycloak", "saml/okta"])
@pytest.mark.parametrize("step", ["login", "login/callback", "acs", "acs/finish"])
def test_steps_of_a_sign_on_are_limited_whatever_the_method(nginx: Nginx, provider: str, step: str) -> None:
    path = f"/accounts/{provider}/{step}/"

    assert tried(nginx, path, method="GET", times=80) >= 10
    assert tried(nginx, path, method="POST", times=80) >= 10


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded",
        "X-Real-IP",
        "X-Forwarded-Port",
        "X-Forwarded-Server",
        "X-Forwarded-Prefix",
        "X-WEBAUTH-USER",
        "Proxy",
    ],
)
@pytest.mark.parametrize("path", ["/any/", "/grafana/", "/accounts/login/", FILES])
def test_what_a_visitor_says_of_himself_is_passed_on_to_nobody(nginx: Nginx, header: str, path: str) -> None:
    _, content = nginx.ask(path, network=new_network(), **{header: "for=6.6.6.6"})

    assert "6.6.6.6" not in content.decode()


def test_all_proxies_pass_on_the_same_headers() -> None:
    configuration = (PROJECT / "deploy/nginx/nginx.conf").read_text()

    # A location with its own add_header inherits none.
    assert re.findall(r"^ {5,}proxy_set_header.*", configuration, re.MULTILINE) == []


# -- static files -----------------------------------------------------------------------------------------------------

STATIC = ["/static/site.css", "/static/site.0123456789ab.css", "/static/other.css"]


@pytest.mark.parametrize("path", STATIC)
def test_static_files_are_read_and_nothing_else(nginx: Nginx, path: str) -> None:
    there = 404 if "other" in path else 200
    statuses = {
        method: nginx.ask(path, method=method, network=new_network())[0].status
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND")
    }

    assert statuses == dict.fromkeys(statuses, 403) | {"GET": there, "HEAD": there}


def test_the_site_is_not_asked_for_static_files(nginx: Nginx) -> None:
    network = new_network()
    for path in STATIC:
        nginx.ask(path, network=network)

    assert {line["upstream_seconds"] for line in logged(nginx, len(STATIC), client=network)} == {""}


@pytest.mark.parametrize("path", STATIC[:2])
@pytest.mark.parametrize("part", ["bytes=900-", "bytes=0-1"])
def test_a_part_of_a_static_file_is_the_whole_with_each_header_once(
    nginx: Nginx, path: str, part: str
) -> None:
    response, content = nginx.ask(path, network=new_network(), Range=part)

    assert (response.status, content) == (200, b"body {}")
    assert len(response.headers.keys()) == len({name.lower() for name in response.headers})


# -- websockets -------------------------------------------------------------------------------------------------------


def upgrade_seen_by(nginx: Nginx, path: str, protocol: str) -> tuple[str | None, str | None]:
    _, content = nginx.ask(path, network=new_network(), Upgrade=protocol, Connection="Upgrade, close")
    headers = json.loads(content)
    return headers.get("HTTP_UPGRADE"), headers.get("HTTP_CONNECTION")


@pytest.mark.parametrize(
    ("path", "protocol"),
    [
        ("/any/", "websocket"),
        ("/any/", "h2c"),
        ("/grafana/api/live/ws/../../../../any/", "websocket"),
        ("/grafana/", "websocket"),
        ("/grafana/api/live/ws", "h2c"),
        ("/GRAFANA/api/live/ws", "websocket"),
        ("/grafana/api/live/WS", "websocket"),
        (FILES, "websocket"),
    ],
)
def test_no_other_protocol_is_passed_on(nginx: Nginx, path: str, protocol: str) -> None:
    assert upgrade_seen_by(nginx, path, protocol) == (None, None)


@pytest.mark.parametrize("protocol", ["websocket", "WebSocket"])
def test_grafana_s_live_updates_may_change_to_websockets(nginx: Nginx, protocol: str) -> None:
    assert upgrade_seen_by(nginx, "/grafana/api/live/ws?format=json", protocol) == ("websocket", "upgrade")
