"""What one network can occupy of nginx with production's limits, without affecting others."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deploy.nginx import HeldPost, Nginx, TrustingConnection, logged, new_network
from tests.deploy.production import DOMAIN, Place

pytestmark = pytest.mark.timeout(120)
FILES = "/admin/importer/dataimportjob/add/"
MEGABYTE = 1_048_576
FORM = bytes(300_000)


@contextmanager
def held(
    nginx: Nginx, path: str, *, by: list[str], size: int, sent: int
) -> Iterator[tuple[list[HeldPost], list[int | None]]]:
    """Opens a POST from each of these networks. Returns nginx' status for each."""
    posts: list[HeldPost] = []
    try:
        for number, network in enumerate(by):
            posts.append(HeldPost(nginx, path, network=network, size=size, sent=sent))
            if number % 200 == 199:  # otherwise the first is dropped before the last one comes
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
    """Returns the bytes on disk after nginx has noticed the closed connections."""
    deadline = time.monotonic() + 10
    while nginx.bytes_on_disk() and time.monotonic() < deadline:
        time.sleep(0.05)
    return nginx.bytes_on_disk()


def a_form_gets_through(nginx: Nginx, path: str = "/any/form/") -> bool:
    response, content = nginx.ask(path, method="POST", body=FORM, network=new_network())
    return response.status == 200 and json.loads(content)["received"] == len(FORM)


@pytest.mark.parametrize("path", ["/", "/admin/login/", "/accounts/saml/okta/acs/", "/static/site.css"])
def test_files_are_taken_at_one_address_alone(nginx: Nginx, path: str) -> None:
    by = [new_network()] * 40

    with held(nginx, path, by=by, size=16 * MEGABYTE, sent=8_000) as (_, statuses):
        on_disk = nginx.bytes_on_disk()
        through = a_form_gets_through(nginx)

    assert statuses == [413] * 40
    assert on_disk == 0
    assert through


@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
@pytest.mark.parametrize("path", ["/static/site.css", "/static/other.css", "/grafana/api/live/ws"])
def test_no_body_of_unknown_size_is_held_where_none_is_wanted(nginx: Nginx, path: str, method: str) -> None:
    held = [HeldPost(nginx, path, network=network, method=method) for network in [new_network()] * 40]
    try:
        for post in held:
            post.send(b"f4240\r\n" + FORM)
        time.sleep(0.5)

        assert nginx.bytes_on_disk() == 0
        assert {post.status() for post in held} <= {200, 403, 404, 413}
    finally:
        for post in held:
            post.close()


def slow_readers(nginx: Nginx, path: str, by: list[str]) -> list[int | None]:
    """Requests a large file from each network without reading it. Returns the statuses."""
    readers = []
    try:
        for network in by:
            readers.append(HeldPost(nginx, path, network=network, method="GET", size=0))
            readers[-1].socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        time.sleep(0.5)
        return [reader.status(within=0.01) for reader in readers]
    finally:
        for reader in readers:
            reader.close()


def test_a_network_reads_256_static_files_at_once_and_all_networks_1024(
    nginx: Nginx, deployment: Place
) -> None:
    large = deployment.folder / "static/large.bin"
    with large.open("wb") as file:
        file.truncate(8 * MEGABYTE)
    crowd = [network for network in (new_network() for _ in range(5)) for _ in range(220)]

    of_one = slow_readers(nginx, "/static/large.bin", [new_network()] * 300)
    of_all = slow_readers(nginx, "/static/large.bin", crowd)

    # The last admitted clients wait for socket memory of this machine.
    assert (of_one.count(200), of_one.count(429)) == (256, 44)
    assert of_all.count(429) == len(crowd) - 1024


def test_a_network_holds_four_files_and_others_do_not_notice(nginx: Nginx) -> None:
    by = [new_network()] * 40

    with held(nginx, FILES, by=by, size=16 * MEGABYTE, sent=8 * MEGABYTE) as (_, statuses):
        on_disk = nginx.bytes_on_disk()
        through = [a_form_gets_through(nginx, path) for path in ("/any/form/", FILES)]

    assert (statuses.count(None), statuses.count(429)) == (4, 36)
    assert 4 * 7 * MEGABYTE < on_disk <= 4 * 16 * MEGABYTE
    assert through == [True, True]
    assert settled(nginx) == 0


def test_all_networks_together_hold_thirty_two_files(nginx: Nginx) -> None:
    by = [network for network in (new_network() for _ in range(10)) for _ in range(4)]

    with held(nginx, FILES, by=by, size=16 * MEGABYTE, sent=2 * MEGABYTE) as (_, statuses):
        on_disk = nginx.bytes_on_disk()
        through = a_form_gets_through(nginx)

    assert (statuses.count(None), statuses.count(429)) == (32, 8)
    assert on_disk <= 32 * 16 * MEGABYTE
    assert through
    assert settled(nginx) == 0


def test_a_network_holds_256_forms_and_others_do_not_notice(nginx: Nginx) -> None:
    by = [new_network()] * 300

    with held(nginx, "/any/form/", by=by, size=MEGABYTE, sent=MEGABYTE // 2) as (_, statuses):
        on_disk = nginx.bytes_on_disk()
        through = [a_form_gets_through(nginx) for _ in range(20)]

    assert (statuses.count(None), statuses.count(429)) == (256, 44)
    assert 0 < on_disk <= 256 * MEGABYTE
    assert through == [True] * 20
    assert settled(nginx) == 0


def test_all_networks_together_hold_2048_forms(nginx: Nginx) -> None:
    by = [network for network in (new_network() for _ in range(9)) for _ in range(240)]

    with held(nginx, "/any/form/", by=by, size=MEGABYTE, sent=20_000) as (_, statuses):
        assert (statuses.count(None), statuses.count(429)) == (2048, 112)


@pytest.mark.parametrize(
    ("path", "largest"),
    [
        ("/any/form/", MEGABYTE),
        ("/accounts/saml/okta/acs/", 384 * 1024),
        (FILES, 16 * MEGABYTE),
        ("/admin/importer/dataimportjob/7/repair/upload/", 16 * MEGABYTE),
        ("/admin/importer/dataimportjob/7/repair/records/", 16 * MEGABYTE),
        ("/admin/importer/dataimportjob/7/repair/", MEGABYTE),
        ("/admin/importer/dataimportjob/begin/crm.contact/", 16 * MEGABYTE),
        ("/grafana/api/live/ws", 1),
    ],
)
def test_a_body_is_as_large_as_its_address_takes(nginx: Nginx, path: str, largest: int) -> None:
    network = new_network()

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
        {"X-Forwarded-For": new_network()},
        encode_chunked=True,
    )

    assert connection.getresponse().status == 413


def test_a_body_that_drips_stays_within_the_limits_and_one_that_stops_is_dropped(nginx: Nginx) -> None:
    dripping, stopped = new_network(), new_network()
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


def test_requests_of_one_connection_are_counted_each(nginx: Nginx, tmp_path: Path) -> None:
    """Over HTTP/2, as browsers do, one connection carries a hundred requests at once."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("NOT TESTED: curl is not installed here")
    (tmp_path / "file").write_bytes(FORM)
    transfers = [
        f'url = "https://{DOMAIN}:{nginx.secure}{FILES}"\ndata-binary = "@{tmp_path}/file"\n'
        f'output = "{os.devnull}"\n'
        for _ in range(10)
    ]
    (tmp_path / "transfers").write_text("\n".join(transfers))
    network = new_network()

    subprocess.run(
        [
            curl, "--silent", "--http2", "--parallel", "--limit-rate", "10k", "--max-time", "3",
            "--cacert", nginx.certificate, "--resolve", f"{DOMAIN}:{nginx.secure}:127.0.0.1",
            "--header", f"X-Forwarded-For: {network}", "--config", str(tmp_path / "transfers"),
        ],
        timeout=60,
    )  # fmt: skip

    # The others were not complete when their time was over.
    statuses = [line["status"] for line in logged(nginx, 10, client=network)]
    assert (statuses.count(429), statuses.count(200)) == (6, 0)


def test_connections_are_counted_by_64_bits_of_an_ipv6_address(nginx: Nginx) -> None:
    by = [f"2001:db8:2:1::{number}" for number in range(1, 11)] + ["2001:db8:2:2::1"]

    with held(nginx, FILES, by=by, size=MEGABYTE, sent=100) as (_, statuses):
        assert statuses == [None] * 4 + [429] * 6 + [None]


def test_a_large_download_to_a_slow_client_is_whole_and_never_on_disk(nginx: Nginx) -> None:
    connection = TrustingConnection(nginx.secure, nginx.certificate)
    connection.request("GET", "/export?megabytes=200", headers={"X-Forwarded-For": new_network()})
    response = connection.getresponse()

    read, on_disk = 0, 0
    while chunk := response.read(500_000):
        read += len(chunk)
        if read < 20_000_000:  # 5 MB a second
            time.sleep(0.1)
            on_disk = max(on_disk, nginx.bytes_on_disk())

    assert (read, on_disk) == (200_000_000, 0)


def test_an_office_behind_one_address_works(nginx: Nginx) -> None:
    office = new_network()

    def click(_: int) -> int:
        return nginx.ask("/admin/?seconds=0.2", network=office)[0].status

    with ThreadPoolExecutor(240) as people:
        statuses = list(people.map(click, range(240)))

    assert statuses == [200] * 240
