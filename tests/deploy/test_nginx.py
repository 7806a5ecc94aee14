"""nginx as production has it, with its own limits: what one network can hold, and that others do not notice.

Addresses are pretended as by a load balancer on this machine; before a small site under gunicorn.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import pytest

from cortex.embedded.ports import free_port
from tests.deploy.compose import PROJECT, SERVICES, interpolated
from tests.deploy.nginx import HeldPost, Nginx, TrustingConnection, nginx_test, start_nginx
from tests.deploy.production import Place, listens, wait_until

pytestmark = [pytest.mark.alone, pytest.mark.timeout(120)]
FILES = "/admin/importer/dataimportjob/add/"
MEGABYTE = 1_048_576
HSTS = "max-age=31536000; includeSubDomains"
FORM = bytes(300_000)
# Each test comes from networks of its own: limits remember.
networks = (f"198.18.{number // 250}.{number % 250 + 1}" for number in count())


@pytest.fixture(scope="module")
def upstream(deployment: Place) -> int:
    port, log = free_port(), deployment.folder / "upstream.log"
    command = [
        sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", "64", "--config", "/dev/null",
        "tests.deploy.upstream:answer",
    ]  # fmt: skip
    with log.open("ab") as output:
        child = subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=output, start_new_session=True)
    deployment.children.append(child)
    wait_until(lambda: listens(port), child=child, log=log)
    return port


@pytest.fixture(scope="module")
def nginx(deployment: Place, upstream: int) -> Nginx:
    static = deployment.folder / "static"
    static.mkdir(mode=0o755)
    for name in ("site.css", "site.0123456789ab.css"):
        (static / name).write_text("body {}")
    return start_nginx(deployment, web=upstream, grafana=upstream, balancer="127.0.0.1")


@contextmanager
def held(
    nginx: Nginx, path: str, *, by: list[str], size: int, sent: int
) -> Iterator[tuple[list[HeldPost], list[int | None]]]:
    """A POST of each of these networks, and what nginx has said to each."""
    posts: list[HeldPost] = []
    try:
        for number, network in enumerate(by):
            posts.append(HeldPost(nginx, path, network=network, size=size, sent=sent))
            if number % 200 == 199:  # or the first would be dropped before the last one comes
                drip(posts)
        time.sleep(0.5)
        yield posts, [post.status() for post in posts]
    finally:
        for post in posts:
            post.close()


def drip(posts: list[HeldPost]) -> None:
    for post in posts:
        post.send(b"x")


def settled(nginx: Nginx) -> int:
    """The bytes on the disk once nginx has noticed who has gone."""
    deadline = time.monotonic() + 10
    while nginx.bytes_on_disk() and time.monotonic() < deadline:
        time.sleep(0.05)
    return nginx.bytes_on_disk()


def a_form_gets_through(nginx: Nginx, path: str = "/any/form/") -> bool:
    response, content = nginx.ask(path, method="POST", body=FORM, network=next(networks))
    return response.status == 200 and json.loads(content)["received"] == len(FORM)


def test_nginx_accepts_the_file_as_it_is(deployment: Place) -> None:
    result = nginx_test(deployment)

    assert result.returncode == 0, result.stderr
    assert "[emerg]" not in result.stderr
    assert "[warn]" not in result.stderr


# -- bodies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/admin/login/", "/accounts/saml/okta/acs/", "/static/site.css"])
def test_files_are_taken_at_one_address_alone(nginx: Nginx, path: str) -> None:
    by = [next(networks)] * 40

    with held(nginx, path, by=by, size=16 * MEGABYTE, sent=8_000) as (_, statuses):
        on_disk = nginx.bytes_on_disk()
        through = a_form_gets_through(nginx)

    assert statuses == [413] * 40
    assert on_disk == 0
    assert through


def test_a_network_holds_four_files_and_others_do_not_notice(nginx: Nginx) -> None:
    by = [next(networks)] * 40

    with held(nginx, FILES, by=by, size=16 * MEGABYTE, sent=8 * MEGABYTE) as (_, statuses):
        on_disk = nginx.bytes_on_disk()
        through = [a_form_gets_through(nginx, path) for path in ("/any/form/", FILES)]

    assert (statuses.count(None), statuses.count(429)) == (4, 36)
    assert 4 * 7 * MEGABYTE < on_disk <= 4 * 16 * MEGABYTE
    assert through == [True, True]
    assert settled(nginx) == 0


def test_all_networks_together_hold_thirty_two_files(nginx: Nginx) -> None:
    by = [network for network in (next(networks) for _ in range(10)) for _ in range(4)]

    with held(nginx, FILES, by=by, size=16 * MEGABYTE, sent=2 * MEGABYTE) as (_, statuses):
        on_disk = nginx.bytes_on_disk()
        through = a_form_gets_through(nginx)

    assert (statuses.count(None), statuses.count(429)) == (32, 8)
    assert on_disk <= 32 * 16 * MEGABYTE
    assert through
    assert settled(nginx) == 0


def test_a_network_holds_256_forms_and_others_do_not_notice(nginx: Nginx) -> None:
    by = [next(networks)] * 300

    with held(nginx, "/any/form/", by=by, size=MEGABYTE, sent=MEGABYTE // 2) as (_, statuses):
        on_disk = nginx.bytes_on_disk()
        through = [a_form_gets_through(nginx) for _ in range(20)]

    assert (statuses.count(None), statuses.count(429)) == (256, 44)
    assert 0 < on_disk <= 256 * MEGABYTE
    assert through == [True] * 20
    assert settled(nginx) == 0


def test_all_networks_together_hold_2048_forms(nginx: Nginx) -> None:
    by = [network for network in (next(networks) for _ in range(9)) for _ in range(240)]

    with held(nginx, "/any/form/", by=by, size=MEGABYTE, sent=20_000) as (_, statuses):
        assert (statuses.count(None), statuses.count(429)) == (2048, 112)


@pytest.mark.parametrize(
    ("path", "largest"),
    [("/any/form/", MEGABYTE), ("/accounts/saml/okta/acs/", 384 * 1024), (FILES, 16 * MEGABYTE)],
)
def test_a_body_is_as_large_as_its_address_takes(nginx: Nginx, path: str, largest: int) -> None:
    network = next(networks)

    fits, content = nginx.ask(path, method="POST", body=bytes(largest), network=network)
    too_large, _ = nginx.ask(path, method="POST", body=bytes(largest + 1), network=network)

    assert (fits.status, json.loads(content)["received"]) == (200, largest)
    assert too_large.status == 413


def test_what_is_sent_without_its_size_is_bounded_as_well(nginx: Nginx) -> None:
    connection = TrustingConnection(nginx.secure, nginx.certificate)
    connection.request(
        "GET",
        "/any/form/",
        iter([bytes(MEGABYTE), b"x"]),
        {"X-Forwarded-For": next(networks)},
        encode_chunked=True,
    )

    assert connection.getresponse().status == 413


def test_a_body_that_drips_stays_within_the_limits_and_one_that_stops_is_dropped(nginx: Nginx) -> None:
    dripping, stopped = next(networks), next(networks)
    with (
        held(nginx, FILES, by=[dripping] * 4, size=16 * MEGABYTE, sent=1_000) as (drips, _),
        held(nginx, FILES, by=[stopped] * 4, size=16 * MEGABYTE, sent=1_000) as (stops, _),
    ):
        for _ in range(2):
            time.sleep(7)
            drip(drips)
        still_there = [post.status() for post in drips]
        dropped = [post.status() for post in stops]
        refused = HeldPost(nginx, FILES, network=dripping, size=1_000, sent=10).status(within=5)
        freed = nginx.ask(FILES, method="POST", body=FORM, network=stopped)[0].status
        through = a_form_gets_through(nginx, FILES)

    assert still_there == [None] * 4
    assert None not in dropped
    assert (refused, freed, through) == (429, 200, True)


def test_a_request_whose_headers_drip_is_dropped(nginx: Nginx) -> None:
    connection = TrustingConnection(nginx.secure, nginx.certificate)
    connection.connect()
    began = time.monotonic()
    connection.sock.settimeout(1)
    connection.sock.sendall(b"GET / HTTP/1.1\r\n")

    ended = False
    while not ended and time.monotonic() < began + 20:
        try:
            connection.sock.sendall(b"X-Drip: 1\r\n")
            ended = connection.sock.recv(100) == b""
        except TimeoutError:
            continue
        except OSError:
            ended = True

    assert ended
    assert 9 < time.monotonic() - began < 13


# -- answers ----------------------------------------------------------------------------------------------------------


def test_a_large_download_to_a_slow_client_is_whole_and_never_on_disk(nginx: Nginx) -> None:
    connection = TrustingConnection(nginx.secure, nginx.certificate)
    connection.request("GET", "/export?megabytes=200", headers={"X-Forwarded-For": next(networks)})
    response = connection.getresponse()

    read, on_disk = 0, 0
    while chunk := response.read(500_000):
        read += len(chunk)
        if read < 20_000_000:  # 5 MB a second
            time.sleep(0.1)
            on_disk = max(on_disk, nginx.bytes_on_disk())

    assert (read, on_disk) == (200_000_000, 0)


def test_an_office_behind_one_address_works(nginx: Nginx) -> None:
    office = next(networks)

    def click(_: int) -> int:
        return nginx.ask("/admin/?seconds=0.2", network=office)[0].status

    with ThreadPoolExecutor(240) as people:
        statuses = list(people.map(click, range(240)))

    assert statuses == [200] * 240


KINDS = {
    "of the site": ("/any/", 200),
    "of Grafana": ("/grafana/", 200),
    "not found": ("/metrics", 404),
    "static": ("/static/site.css", 200),
    "static with a hash": ("/static/site.0123456789ab.css", 200),
    "static of the site": ("/static/other.css", 200),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_has_hsts_once(nginx: Nginx, kind: str) -> None:
    path, status = KINDS[kind]

    response, _ = nginx.ask(path, network=next(networks))

    assert response.status == status
    assert response.headers.get_all("Strict-Transport-Security") == [HSTS]


def test_refusals_have_hsts_once(nginx: Nginx) -> None:
    network = next(networks)
    too_large, _ = nginx.ask("/", method="POST", body=bytes(2 * MEGABYTE), network=network)
    too_often = [nginx.ask("/admin/login/", method="POST", network=network)[0] for _ in range(12)][-1]
    gone, _ = nginx.ask("/auth/realms/cortex/", network=network)
    malformed, _ = nginx.ask("/", network=network, Host="a b")

    refusals = {refusal.status: refusal for refusal in (too_large, too_often, gone, malformed)}
    assert set(refusals) == {413, 429, 502, 400}
    for refusal in refusals.values():
        assert refusal.headers.get_all("Strict-Transport-Security") == [HSTS], refusal.status


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
    """Uses up the tries of an address; the status that another one gets then."""
    statuses = [nginx.ask("/admin/login/", method="POST", network=address)[0].status for _ in range(15)]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    return nginx.ask("/admin/login/", method="POST", network=other)[0].status


@pytest.mark.parametrize(
    ("address", "other", "status"),
    [
        ("2001:db8:1:1::1", "2001:db8:1:1:ffff:ffff:ffff:ffff", 429),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", 200),
        # Bytes that end lines, and such as are no text.
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


def test_connections_are_counted_by_64_bits_of_an_ipv6_address(nginx: Nginx) -> None:
    by = [f"2001:db8:2:1::{number}" for number in range(1, 11)] + ["2001:db8:2:2::1"]

    with held(nginx, FILES, by=by, size=MEGABYTE, sent=100) as (_, statuses):
        assert statuses == [None] * 4 + [429] * 6 + [None]


def test_it_listens_to_ipv6_where_it_is_told_to(deployment: Place, upstream: int) -> None:
    nginx = start_nginx(deployment, web=upstream, name="ipv6", address="::1")

    asked = [nginx.ask("/admin/login/", method="POST")[0].status for _ in range(15)]

    assert (asked[0], asked[-1]) == (200, 429)
    seen = json.loads((nginx.folder / "access.log").read_text().splitlines()[0])["client"]
    assert seen == "::1"
    deployment.end(deployment.children[-1])


def tried(nginx: Nginx, path: str, *, method: str, times: int) -> int:
    """How many of so many requests of one network at once were refused."""
    network = next(networks)
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


# -- websockets -------------------------------------------------------------------------------------------------------


def upgrade_seen_by(nginx: Nginx, path: str, protocol: str) -> tuple[str | None, str | None]:
    _, content = nginx.ask(path, network=next(networks), Upgrade=protocol, Connection="Upgrade, close")
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
        (FILES, "websocket"),
    ],
)
def test_no_other_protocol_is_passed_on(nginx: Nginx, path: str, protocol: str) -> None:
    assert upgrade_seen_by(nginx, path, protocol) == (None, None)


def test_grafana_s_live_updates_may_change_to_websockets(nginx: Nginx) -> None:
    assert upgrade_seen_by(nginx, "/grafana/api/live/ws?format=json", "websocket") == ("websocket", "upgrade")
