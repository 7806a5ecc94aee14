"""Very many clients at once: they connect, wait for each other, and only then ask."""

import asyncio
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg

from tests.deploy.production import DOMAIN, Database


@dataclass
class Watch:
    """How many connections PostgreSQL had, looked at all the time."""

    most: int = 0
    looks: int = 0


@contextmanager
def watched(database: Database, role: str) -> Iterator[Watch]:
    watch, done = Watch(), threading.Event()

    def look() -> None:
        with database.connect() as connection:
            while not done.is_set():
                row = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [role]
                ).fetchone()
                assert row
                watch.most, watch.looks = max(watch.most, row[0]), watch.looks + 1
                time.sleep(0.01)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        done.set()
        thread.join()


def ask_all(
    port: int, path: str, clients: list[dict[str, str]], *, certificate: str
) -> list[tuple[int, bytes]]:
    """Each client with headers of its own, all connected before the first one asks. Status 0: no answer."""
    return asyncio.run(_ask_all(port, path, clients, certificate))


async def _ask_all(
    port: int, path: str, clients: list[dict[str, str]], certificate: str
) -> list[tuple[int, bytes]]:
    context = ssl.create_default_context(cafile=certificate)
    everybody = asyncio.Barrier(len(clients))

    async def ask(headers: dict[str, str]) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname=DOMAIN, ssl_handshake_timeout=100
        )
        await everybody.wait()
        told = {"Host": DOMAIN, "Connection": "close"} | headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        writer.write(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        await writer.drain()
        answer = b""
        with suppress(OSError):
            answer = await reader.read()
            writer.close()
        return (int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0), answer

    return await asyncio.gather(*(ask(headers) for headers in clients))


def transact_all(address: str, clients: int, transactions: int) -> list[str]:
    """That many connections, all open at once, each with a number of transactions. What went wrong, if anything."""
    return asyncio.run(_transact_all(address, clients, transactions))


async def _transact_all(address: str, clients: int, transactions: int) -> list[str]:
    everybody = asyncio.Barrier(clients)
    # To connect costs either side a password's worth of hashing: not all in the same moment.
    door = asyncio.Semaphore(50)

    async def transact(number: int) -> str | None:
        try:
            async with door:
                connection = await psycopg.AsyncConnection.connect(address, prepare_threshold=None)
        except psycopg.Error as error:
            await everybody.wait()
            return f"{number}: {error}"
        await everybody.wait()
        try:
            for step in range(transactions):
                async with connection.transaction():
                    await connection.execute("INSERT INTO crowd VALUES (%s, %s)", [number, step])
                    await connection.execute("SELECT pg_sleep(0.02)")
        except psycopg.Error as error:
            return f"{number}: {error}"
        finally:
            await connection.close()
        return None

    said = await asyncio.gather(*(transact(number) for number in range(clients)))
    return [fault for fault in said if fault]
