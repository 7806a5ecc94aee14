"""Runs very many clients at once: all connect first, and only then send requests."""

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
    """Samples the number of PostgreSQL's connections."""

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
    """Sends a request for each set of headers, after all have connected. Status 0: no response."""
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
    """Opens so many connections at once and runs transactions on each. Returns the errors."""
    return asyncio.run(_transact_all(address, clients, transactions))


async def _transact_all(address: str, clients: int, transactions: int) -> list[str]:
    everybody = asyncio.Barrier(clients)
    # Each side hashes a password to connect, so the connections do not all start at the same moment.
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
