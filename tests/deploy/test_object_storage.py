"""SeaweedFS, started as the compose file starts it: who has the keys reads and writes, and nobody else."""

import datetime as dt
import hashlib
import hmac
import http.client
import io
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from cortex.embedded.ports import free_port
from tests.deploy.compose import SERVICES
from tests.deploy.production import Place, installed

REGION = "us-east-1"


@pytest.fixture(scope="module")
def port(deployment: Place) -> Iterator[int]:
    program = Path(installed("weed"))
    if not deployment.account.can_run([str(program), "version"]):
        program = Path(shutil.copy(program, deployment.folder / "weed"))
    data = deployment.make("s3")
    ports = {
        name: free_port() for name in ("s3.port", "master.port", "volume.port", "filer.port", "metricsPort")
    }
    command = [
        argument.replace("/data", str(data)).replace("/run/secrets", str(deployment.secrets))
        for argument in SERVICES["s3"]["command"]
        if not argument.startswith(("-ip", "-metricsPort"))
    ]
    command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += [f"-{name}={number}" for name, number in ports.items()]
    # Each has a second port for its own kind, 10,000 above; these are free ones below that.
    command += [f"-{name}.port.grpc={free_port()}" for name in ("master", "volume", "filer")]
    grpc_of_s3 = {free_port()}
    command += [f"-s3.port.grpc={port}" for port in grpc_of_s3]
    child = deployment.launch(
        "s3", [str(program), *command], is_up=lambda: status_of(ports["s3.port"], "/healthz") == 200
    )
    of_the_process = psutil.Process(child.pid).net_connections("tcp")
    reached = {it.laddr.port for it in of_the_process if it.status == "LISTEN" and it.laddr.ip != "127.0.0.1"}
    assert reached <= {ports["s3.port"], ports["metricsPort"], *grpc_of_s3}, (
        "more than S3 is reached from outside"
    )
    yield ports["s3.port"]
    assert child.poll() is None, deployment.log("s3")[-3000:]
    deployment.end(child, signal.SIGKILL)  # it would take ten seconds to say good-bye to itself


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
    port: int, method: str, path: str, body: bytes = b"", *, key: str, secret: str
) -> tuple[int, bytes]:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html"""
    now = dt.datetime.now(dt.UTC)
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "host": f"127.0.0.1:{port}",
        "x-amz-content-sha256": digest,
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
    }
    names = ";".join(headers)
    canonical = "\n".join(
        [method, path, "", *(f"{name}:{value}" for name, value in headers.items()), "", names, digest]
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
    return request(port, method, path, body, **headers, Authorization=authorization)


def test_who_has_the_keys_writes_and_reads(port: int, deployment: Place) -> None:
    key, secret = deployment.secret("s3_access_key"), deployment.secret("s3_secret_key")

    assert signed(port, "PUT", "/imports", key=key, secret=secret)[0] == 200
    assert signed(port, "PUT", "/imports/people.csv", b"name\nAnn\n", key=key, secret=secret)[0] == 200

    assert signed(port, "GET", "/imports/people.csv", key=key, secret=secret) == (200, b"name\nAnn\n")


def test_the_site_makes_its_bucket_once_and_keeps_uploads_there(
    port: int, deployment: Place, settings: Any
) -> None:
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "endpoint_url": f"http://127.0.0.1:{port}",
                "access_key": deployment.secret("s3_access_key"),
                "secret_key": deployment.secret("s3_secret_key"),
                "region_name": REGION,
                "addressing_style": "path",
                "bucket_name": "of-the-site",
            },
        }
    }

    assert told_by_make_bucket() == 'The bucket "of-the-site" was made.\n'
    assert told_by_make_bucket() == 'The bucket "of-the-site" is there.\n'

    name = default_storage.save("imports/people.csv", ContentFile(b"name\nAnn\n"))
    with default_storage.open(name) as file:
        assert file.read() == b"name\nAnn\n"


def test_a_store_that_refuses_is_one_line(port: int, deployment: Place, settings: Any) -> None:
    wrong = {"access_key": deployment.secret("s3_access_key"), "secret_key": "guessed"}
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": wrong
            | {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": REGION, "bucket_name": "other"},
        }
    }

    with pytest.raises(
        CommandError, match='^The bucket "other" cannot be made: .*S3_SECRET_KEY.$'
    ) as refusal:
        told_by_make_bucket()
    assert "guessed" not in str(refusal.value)


def told_by_make_bucket() -> str:
    out = io.StringIO()
    call_command("make_bucket", stdout=out)
    return out.getvalue()


def test_strangers_and_wrong_keys_get_nothing(port: int, deployment: Place) -> None:
    key, secret = deployment.secret("s3_access_key"), deployment.secret("s3_secret_key")
    assert signed(port, "PUT", "/closed", key=key, secret=secret)[0] == 200
    assert signed(port, "PUT", "/closed/file", b"secret", key=key, secret=secret)[0] == 200

    assert request(port, "GET", "/closed/file")[0] == 403
    assert request(port, "PUT", "/closed/other", b"x")[0] == 403
    assert signed(port, "GET", "/closed/file", key=key, secret="guessed")[0] == 403
    assert signed(port, "GET", "/closed/file", key="guessed", secret=secret)[0] == 403
