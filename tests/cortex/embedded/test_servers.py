import os
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from cortex.embedded import home
from cortex.embedded.account import Account
from cortex.embedded.errors import EmbeddedServerError
from cortex.embedded.postgres import EmbeddedPostgres
from cortex.embedded.valkey import EmbeddedValkey


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
        yield server


def write(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS number")


def read(server: EmbeddedPostgres) -> int:
    with psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT number FROM kept").fetchone()
    assert row
    return int(row[0])


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_committed_data_and_address_outlive_a_restart(postgres: EmbeddedPostgres, mode: str) -> None:
    write(postgres)
    before = postgres.url

    postgres.restart(mode)  # type: ignore[arg-type]

    assert postgres.url == before
    assert read(postgres) == 42


def test_it_starts_again_after_kill_9(postgres: EmbeddedPostgres) -> None:
    write(postgres)
    assert postgres.pid
    os.kill(postgres.pid, signal.SIGKILL)

    postgres.start()

    assert read(postgres) == 42


def test_a_pid_file_that_names_somebody_else_is_no_obstacle(postgres: EmbeddedPostgres) -> None:
    postgres.stop()
    (postgres.data / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.data}\n")
    assert postgres.pid is None

    postgres.start()

    assert postgres.pid != os.getpid()
    assert psutil.pid_exists(os.getpid())


def test_a_port_that_somebody_took_is_given_up(postgres: EmbeddedPostgres) -> None:
    postgres.stop()
    before = postgres.port
    with socket.create_server(("127.0.0.1", before)):
        postgres.start()

    assert postgres.port != before
    psycopg.connect(postgres.url).close()


def test_stop_and_start_are_quiet_when_there_is_nothing_to_do(postgres: EmbeddedPostgres) -> None:
    pid = postgres.pid

    postgres.start()
    assert postgres.pid == pid

    postgres.stop()
    postgres.stop()
    assert postgres.pid is None


def test_nobody_gets_in_without_the_password(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgres://cortex:wrong@127.0.0.1:{postgres.port}/cortex")


def test_a_lost_password_is_told_at_once(postgres: EmbeddedPostgres) -> None:
    postgres.stop()
    (postgres.folder / "password").unlink()

    with pytest.raises(EmbeddedServerError, match="password authentication failed.*delete that folder"):
        postgres.start()

    assert postgres.pid is None


def test_it_listens_on_this_machine_only_and_never_as_root(postgres: EmbeddedPostgres) -> None:
    process = psutil.Process(postgres.pid)

    listening = {address.laddr.ip for address in process.net_connections() if address.status == "LISTEN"}

    assert listening == {"127.0.0.1"}
    assert process.uids().real != 0


def test_all_letters_have_upper_and_lower_case(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.url) as connection:
        row = connection.execute("SELECT upper('straße éü'), current_setting('server_encoding')").fetchone()

    assert row == ("STRASSE ÉÜ", "UTF8") or row == ("STRAßE ÉÜ", "UTF8")


def test_remove_leaves_nothing_behind(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    server.start()
    files = server.home

    server.remove()

    assert not files.exists()
    assert not server.folder.exists()


def test_data_of_another_version_is_refused_in_one_line(postgres: EmbeddedPostgres) -> None:
    postgres.stop()
    (postgres.data / "PG_VERSION").write_text("9\n")

    with pytest.raises(EmbeddedServerError, match="PostgreSQL 9 created .*, but PostgreSQL .* is installed"):
        postgres.start()


def test_an_installed_postgresql_does_as_well(tmp_path: Path) -> None:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not installed:
        pytest.skip("no PostgreSQL below /usr/lib/postgresql")

    with EmbeddedPostgres(tmp_path / "postgres", durable=False, program_folder=installed[-1]) as server:
        write(server)
        server.restart("immediate")

        assert read(server) == 42


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone steps down to another account")
def test_below_a_closed_folder_the_files_move_and_the_folder_stays_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "checkout" / "postgres") as server:
        write(server)
        moved = server.home

    with EmbeddedPostgres(closed / "checkout" / "postgres") as again:
        assert again.home == moved
        assert read(again) == 42

    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert not moved.is_relative_to(closed)
    again.remove()
    assert not moved.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone steps down to another account")
def test_a_moved_folder_that_is_not_ours_is_not_trusted(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    account = Account.for_server(folder)
    moved = home.make_home(folder, account)
    os.chown(moved, account.uid, account.gid)

    assert home.make_home(folder, account) != moved
    moved.rmdir()
    home.remove_home(folder)


def test_valkey_keeps_its_data_and_wants_a_password(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path / "valkey") as valkey:
        with redis.Redis.from_url(valkey.url) as client:
            client.set("kept", "42")
        valkey.restart()

        with redis.Redis.from_url(valkey.url) as client:
            assert client.get("kept") == b"42"
        with redis.Redis(port=valkey.port) as stranger, pytest.raises(redis.exceptions.AuthenticationError):
            stranger.get("kept")
    valkey.remove()


def test_valkey_starts_again_after_kill_9(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path / "valkey", durable=False) as valkey:
        assert valkey.pid
        os.kill(valkey.pid, signal.SIGKILL)
        while valkey.pid:  # a server that is being killed still has its process for a moment
            time.sleep(0.01)

        valkey.start()

        with redis.Redis.from_url(valkey.url) as client:
            assert client.ping()
