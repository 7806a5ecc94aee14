"""A COMMIT whose answer is lost, done or not: each record is imported once, and the job completes."""

import contextlib
import os
import random
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest

from tests.importer.private_site import PrivateSite

RECORDS = 5_000
CUTS = int(os.environ.get("IMPORTER_CUTS", "4"))
CUTS_PER_RUN = 5
pytestmark = pytest.mark.timeout(120 + 20 * CUTS)

# unanswered: the server commits, and its answer is cut off. unheard: the COMMIT does not reach the server, which rolls
# back. unnoticed: nor does the server learn that the client is gone, so that its locks stay.
Kind = Literal["unanswered", "unheard", "unnoticed"]
KINDS: tuple[Kind, ...] = ("unanswered", "unheard", "unnoticed")
FATES = ("read", "inserted", "updated", "unchanged", "skipped", "rejected")


class Proxy:
    """Stands between a site and its server, and cuts connections at some of their COMMITs."""

    def __init__(self, server_port: int, randomness: random.Random) -> None:
        self.server_port = server_port
        self.randomness = randomness
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.cuts: list[Kind] = []
        self.cuts_left = 0
        self.commits_until_cut = 0
        self.sockets: list[socket.socket] = []
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, *, most: int) -> None:
        """Cut at this many of the next COMMITs; some pass in between."""
        with self.lock:
            self.cuts_left = most
            self.commits_until_cut = self.randomness.randrange(1, 6)

    def close(self) -> None:
        self.listener.close()
        for each in self.sockets:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.server_port))
            except OSError:
                return
            self.sockets += [client, server]
            line = Line(self, client, server)
            threading.Thread(target=line.carry_questions, daemon=True).start()
            threading.Thread(target=line.carry_answers, daemon=True).start()

    def next_commit(self) -> Kind | None:
        """Return how the current COMMIT is cut; None: it passes."""
        with self.lock:
            if not self.cuts_left:
                return None
            self.commits_until_cut -= 1
            if self.commits_until_cut:
                return None
            self.cuts_left -= 1
            self.commits_until_cut = self.randomness.randrange(1, 6)
            # In turn, beginning anywhere: so that a few cuts are of all kinds.
            kind = KINDS[(KINDS.index(self.cuts[-1]) + 1) % 3] if self.cuts else self.randomness.choice(KINDS)
            self.cuts.append(kind)
            return kind


@dataclass
class Line:
    """One client's connection through the proxy."""

    proxy: Proxy
    client: socket.socket
    server: socket.socket
    shall_lose_answer: bool = field(default=False)

    def carry_questions(self) -> None:
        """Carry messages: a type (the first message has none) and a length, which counts itself."""
        with contextlib.suppress(OSError, struct.error), self.client.makefile("rb") as stream:
            kind = b""
            while True:
                head = stream.read(4)
                body = stream.read(struct.unpack("!i", head)[0] - 4)
                if kind + body == b"QCOMMIT\0" and not self._may_commit():
                    return
                self.server.sendall(kind + head + body)
                kind = stream.read(1)
                if not kind:
                    break
        self._hang_up(self.server, self.client)

    def _may_commit(self) -> bool:
        how = self.proxy.next_commit()
        self.shall_lose_answer = how == "unanswered"
        if how == "unheard":
            self._hang_up(self.server, self.client)
        elif how == "unnoticed":
            self._hang_up(self.client)
        return how in (None, "unanswered")

    def carry_answers(self) -> None:
        with contextlib.suppress(OSError):
            while answer := self.server.recv(65536):
                if self.shall_lose_answer:
                    break
                self.client.sendall(answer)
            self._hang_up(self.server, self.client)

    def _hang_up(self, *sockets: socket.socket) -> None:
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@dataclass
class SiteBehindProxy(PrivateSite):
    """The same site, whose commands reach their database through the proxy."""

    port: int = 0

    def environment(self) -> dict[str, str]:
        url = urlsplit(self.server.url)
        address = f"{url.username}:{url.password}@127.0.0.1:{self.port}"
        return super().environment() | {
            "DATABASE_URL": url._replace(netloc=address, query="sslmode=disable&gssencmode=disable").geturl()
        }


@pytest.fixture(scope="module")
def source(private_site: PrivateSite) -> Path:
    """Contacts; some are invalid, and some repeat."""
    lines = ["legacy_id,email,first_name,ROLE,COMP_CD,JOIN_DT,balance"]
    for number in range(1, RECORDS + 1):
        identity = number // 2 if number % 97 == 0 else number
        role = "nobody" if number % 89 == 0 else "User"
        lines.append(f"{identity},c{number}@example.com,Name,{role},C{number % 50 + 1},02/28/2020,{number}.5")
    path = private_site.folder / "commits.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def undisturbed(private_site: PrivateSite, source: Path) -> tuple[Any, ...]:
    private_site.sql("TRUNCATE crm_contact")
    job = private_site.create_job(source)
    private_site.run(job, "--executor", "inline")
    return left_by(private_site, job)


def left_by(site: PrivateSite, job: int) -> tuple[Any, ...]:
    """Return the table, the rejected lines, and the recorded counts."""
    counts = site.sql(f"SELECT status, {', '.join(FATES)} FROM data_import_jobs WHERE id = %s", job)
    return *site.state_of(job), counts


@pytest.fixture
def randomness() -> random.Random:
    seed = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(10**6)
    print(f"SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def proxy(private_site: PrivateSite, randomness: random.Random) -> Iterator[Proxy]:
    proxy = Proxy(private_site.server.port, randomness)
    yield proxy
    proxy.close()


@pytest.mark.parametrize("options", [("--executor", "inline"), ("--workers", "2")], ids=["inline", "workers"])
def test_a_commit_of_which_nothing_is_heard_loses_nothing_and_repeats_nothing(
    private_site: PrivateSite, source: Path, undisturbed: object, proxy: Proxy, options: tuple[str, ...]
) -> None:
    site = SiteBehindProxy(private_site.server, private_site.folder, port=proxy.port)

    while (missing := CUTS // 2 - len(proxy.cuts)) > 0:
        private_site.sql("TRUNCATE crm_contact")
        job = private_site.create_job(source)
        proxy.cut(most=min(missing, CUTS_PER_RUN))
        run_to_the_end(site, job, options)

        assert left_by(private_site, job) == undisturbed, f"job {job} after {proxy.cuts}"


def run_to_the_end(site: PrivateSite, job: int, options: tuple[str, ...]) -> None:
    """Repeat the command as long as a run ends with a reason, as it does when it is cut while it plans."""
    for _ in range(CUTS_PER_RUN + 1):
        process = site.start("run_import", str(job), "--no-progress", *options)
        _, err = process.communicate(timeout=100)
        if process.returncode == 0:
            return
        assert (process.returncode, err.count("\n")) == (1, 1), err
    raise AssertionError(f"Job {job} does not end: {err}")
