"""A real S3 server (SeaweedFS, from a wheel) for the tests: on free ports, in a temporary folder."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cortex.embedded.ports import free_port

PROGRAM = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
START_SECONDS = 60
BUCKET = "legacy"
GRPC = ("admin", "filer", "master", "s3", "volume")


@dataclass
class ObjectStore:
    folder: Path
    key: str = "AKIATESTS"
    secret: str = "a-secret-for-tests"
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def options(self) -> dict[str, Any]:
        """As in `IMPORTER["S3"]`."""
        return {
            "endpoint_url": self.url,
            "access_key": self.key,
            "secret_key": self.secret,
            "region_name": "us-east-1",
            "addressing_style": "path",
        }

    @property
    def client(self) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )

    def put(self, key: str, content: bytes) -> str:
        """The source's name."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)
        return f"s3://{BUCKET}/{key}"

    def start(self) -> None:
        ports = {f"{name}.port": free_port() for name in GRPC if name != "s3"} | {"s3.port": self.port}
        ports |= {f"{name}.port.grpc": free_port() for name in GRPC}
        off = ["-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(PROGRAM), "mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self.folder}", *off,
                    *(f"-{name}={port}" for name, port in ports.items()),
                ],
                env=os.environ | {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret},
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )  # fmt: skip
        self._wait()

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def _wait(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process and self.process.poll() is None:
            try:
                self.client.create_bucket(Bucket=BUCKET)
            except ClientError as error:
                if "BucketAlready" in str(error):
                    return
            except BotoCoreError:
                pass
            else:
                return
            time.sleep(0.2)
        raise AssertionError(f"The object store does not start; {self.folder / 'log'} says why.")
