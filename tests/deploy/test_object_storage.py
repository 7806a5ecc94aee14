"""SeaweedFS, started as in the compose file: only clients with a key can read and write."""

import datetime as dt
import hashlib
import hmac
import http.client
import io
import shutil
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from cortex.embedded.ports import free_port
from tests.deploy.compose import SERVICES
from tests.deploy.production import START_SECONDS, Place, installed

REGION = "us-east-1"
BUCKET = "cortex"
# Type, flags and stream of the first frame that both sides of HTTP/2 send. RFC 9113, 3.4.
SETTINGS_FRAME = b"\x04" + bytes(5)


@dataclass(frozen=True)
class Ports:
    s3: int
    grpc: int


@pytest.fixture(scope="module")
def ports(deployment: Place) -> Iterator[Ports]:
    program = Path(installed("weed"))
    if not deployment.account.can_run([str(program), "version"]):
        program = Path(shutil.copy(program, deployment.folder / "weed"))
    data = deployment.make("s3")
    names = ("s3.port", "s3.port.grpc", "master.port", "volume.port", "filer.port", "metricsPort")
    ports = {name: free_port() for name in names}
    command = [
        argument.replace("/data", str(data)).replace("/run/secrets", str(deployment.secrets))
        for argument in SERVICES["s3"]["command"]
        if not argument.startswith(("-ip", "-metricsPort"))
    ]
    command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += [f"-{name}={number}" for name, number in ports.items()]
    # Each part has a second port for gRPC, 10,000 higher; these are free ports below that.
    command += [f"-{name}.port.grpc={free_port()}" for name in ("master", "volume", "filer")]
    environment = [
        f"{name}={path.replace('/run/secrets', str(deployment.secrets))}"
        for name, path in SERVICES["s3"]["environment"].items()
    ]
    child = deployment.launch(
        "s3",
        [installed("env"), *environment, str(program), *command],
        is_up=lambda: status_of(ports["s3.port"], "/healthz") == 200,
    )
    of_the_process = psutil.Process(child.pid).net_connections("tcp")
    reached = {it.laddr.port for it in of_the_process if it.status == "LISTEN" and it.laddr.ip != "127.0.0.1"}
    assert reached <= {ports["s3.port"], ports["metricsPort"], ports["s3.port.grpc"]}, (
        "more than S3 is reached from outside"
    )
    yield Ports(ports["s3.port"], ports["s3.port.grpc"])
    assert child.poll() is None, deployment.log("s3")[-3000:]
    deployment.end(child, signal.SIGKILL)  # a normal shutdown takes ten seconds


@pytest.fixture(scope="module")
def port(ports: Ports) -> int:
    return ports.s3


def status_of(port: int, path: str) -> int:
    try:
        return request(port, "GET", path)[0]
    except OSError:
        return 0


def request(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content


def signed(
    port: int, method: str, path: str, body: bytes = b"", *, key: str, secret: str, **more: str
) -> tuple[int, bytes]:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html"""
    now = dt.datetime.now(dt.UTC)
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "host": f"127.0.0.1:{port}",
        "x-amz-content-sha256": digest,
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
    } | {name.replace("_", "-"): value for name, value in more.items()}
    headers = dict(sorted(headers.items()))
    path, _, query = path.partition("?")
    names = ";".join(headers)
    canonical = "\n".join(
        [method, path, query, *(f"{name}:{value}" for name, value in headers.items()), "", names, digest]
    )
    scope = f"{now:%Y%m%d}/{REGION}/s3/aws4_request"
    to_sign = "\n".join(
        ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    signing = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(signing, to_sign.encode(), hashlib.sha256).hexdigest()
    authorization = f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    asked = f"{path}?{query}" if query else path
    return request(port, method, asked, body, **headers, Authorization=authorization)


@dataclass(frozen=True)
class Keys:
    """Sends signed requests to the store as one of the two identities."""

    port: int
    key: str
    secret: str

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        return signed(self.port, method, path, body, key=self.key, secret=self.secret, **headers)

    def options(self, bucket: str) -> dict[str, str]:
        """The storage options, as in the site's settings."""
        return {
            "endpoint_url": f"http://127.0.0.1:{self.port}",
            "access_key": self.key,
            "secret_key": self.secret,
            "region_name": REGION,
            "addressing_style": "path",
            "bucket_name": bucket,
        }


@pytest.fixture(scope="module")
def admin(port: int, deployment: Place) -> Keys:
    """Creates two buckets with the keys of `migrate`, and returns the keys."""
    keys = Keys(port, deployment.secret("s3_admin_access_key"), deployment.secret("s3_admin_secret_key"))
    # It responds before it has a volume to write to.
    deadline = time.monotonic() + START_SECONDS
    for path, body in ((f"/{BUCKET}", b""), ("/of-others", b""), ("/of-others/file", b"secret")):
        while (answer := keys.ask("PUT", path, body))[0] != 200:
            assert time.monotonic() < deadline, (answer, deployment.log("s3")[-2000:])
            time.sleep(0.2)
    return keys


@pytest.fixture(scope="module")
def site(port: int, deployment: Place, admin: Keys) -> Keys:
    """The keys of the site and its workers."""
    return Keys(port, deployment.secret("s3_access_key"), deployment.secret("s3_secret_key"))


def test_the_site_writes_reads_lists_marks_and_deletes_in_its_bucket(site: Keys) -> None:
    path = f"/{BUCKET}/people.csv"
    tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"

    assert site.ask("HEAD", f"/{BUCKET}")[0] == 200  # the request of stack_doctor
    assert site.ask("PUT", path, b"name\nAnn\n")[0] == 200
    assert site.ask("GET", path) == (200, b"name\nAnn\n")
    assert b"<Key>people.csv</Key>" in site.ask("GET", f"/{BUCKET}?list-type=2")[1]
    assert site.ask("PUT", f"{path}?tagging=", tags)[0] == 200
    assert site.ask("DELETE", path)[0] == 204
    assert site.ask("GET", path)[0] == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/of-others/file"),
        ("HEAD", "/of-others"),
        ("PUT", "/of-others/mine"),
        ("DELETE", "/of-others/file"),
        ("GET", "/of-others?list-type=2"),
        ("GET", f"/{BUCKET}-of-others/file"),
        ("PUT", "/new-one"),
        ("DELETE", f"/{BUCKET}"),
        ("PUT", f"/{BUCKET}?policy="),
        ("POST", "/?Action=ListUsers"),
    ],
)
def test_the_site_s_key_goes_no_further_than_its_bucket(
    site: Keys, admin: Keys, method: str, path: str
) -> None:
    assert site.ask(method, path, b"x" if method == "PUT" else b"")[0] == 403
    assert admin.ask("GET", "/of-others/file") == (200, b"secret")


def test_the_site_s_key_copies_nothing_out_of_another_bucket(site: Keys) -> None:
    assert site.ask("PUT", f"/{BUCKET}/stolen", x_amz_copy_source="/of-others/file")[0] == 403
    assert site.ask("GET", f"/{BUCKET}/stolen")[0] == 404


def test_the_site_s_key_sees_no_other_bucket(site: Keys) -> None:
    status, told = site.ask("GET", "/")

    assert (status, b"of-others" in told) == (200, False)


def keep_uploads(settings: Any, keys: Keys, bucket: str) -> None:
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": keys.options(bucket)}
    }


def test_migrate_makes_the_bucket_once(admin: Keys, settings: Any) -> None:
    keep_uploads(settings, admin, "another")

    assert told_by_make_bucket() == 'The bucket "another" was created.\n'
    assert told_by_make_bucket() == 'The bucket "another" exists.\n'


def test_the_site_keeps_uploads_in_its_bucket(site: Keys, settings: Any) -> None:
    keep_uploads(settings, site, BUCKET)

    assert told_by_make_bucket() == f'The bucket "{BUCKET}" exists.\n'
    name = default_storage.save("imports/people.csv", ContentFile(b"name\nAnn\n"))
    with default_storage.open(name) as file:
        assert file.read() == b"name\nAnn\n"


def test_a_store_that_refuses_is_one_line(site: Keys, settings: Any) -> None:
    for keys in (site, replace(site, secret="guessed")):
        keep_uploads(settings, keys, "other")

        with pytest.raises(CommandError, match='^Cannot create the bucket "other": .*`migrate`') as refusal:
            told_by_make_bucket()
        assert "guessed" not in str(refusal.value)
        assert "\n" not in str(refusal.value)


def told_by_make_bucket() -> str:
    out = io.StringIO()
    call_command("make_bucket", stdout=out)
    return out.getvalue()


def test_strangers_and_wrong_keys_get_nothing(port: int, site: Keys) -> None:
    assert site.ask("PUT", f"/{BUCKET}/file", b"secret")[0] == 200

    assert request(port, "GET", f"/{BUCKET}/file")[0] == 403
    assert request(port, "PUT", f"/{BUCKET}/other", b"x")[0] == 403
    assert replace(site, secret="guessed").ask("GET", f"/{BUCKET}/file")[0] == 403
    assert replace(site, key="guessed").ask("GET", f"/{BUCKET}/file")[0] == 403


def test_grpc_which_takes_identities_answers_nobody(ports: Ports, deployment: Place) -> None:
    stranger, holder = tls_of_a_client(), tls_of_a_client()
    holder.load_cert_chain(
        *(deployment.secrets / f"seaweedfs_grpc_{kind}" for kind in ("certificate", "key"))
    )

    assert not speaks_http2(ports.grpc)
    assert not speaks_http2(ports.grpc, stranger)
    assert speaks_http2(ports.grpc, holder)  # so gRPC runs, and this test would detect an open one


def tls_of_a_client() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def speaks_http2(port: int, tls: ssl.SSLContext | None = None) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        try:
            speaker = tls.wrap_socket(plain) if tls else plain
            speaker.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + SETTINGS_FRAME)
            return SETTINGS_FRAME in speaker.recv(4096)
        except (ssl.SSLError, ConnectionResetError):
            return False
