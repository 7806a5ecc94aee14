"""Runs workers in processes: spawned, never forked, because Polars' threads do not survive a fork.

A worker reads orders as lines of JSON from its standard input and answers with lines on its standard output. When its
input ends, its parent is gone, and it stops after the current batch. Its command line has no secrets.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import connection
from typing import IO, Any

from django.conf import settings
from django.db import connections

from importer import ledger
from importer.conf import conf
from importer.exceptions import ChunkFailed, ImporterError
from importer.models import LogEvent
from importer.run.watch import Watch
from importer.work.retry import patiently

POLL_SECONDS = 0.1
# Workers share the cores, so more threads in each would only compete. And glibc keeps freed memory in each thread's
# arena.
ENVIRONMENT = {"POLARS_MAX_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
# A worker is replaced if the job is still above its memory budget after this many polls.
LOOKS_BEFORE_RECYCLING = 50
SECONDS_TO_FINISH = 10


@contextlib.contextmanager
def stand_by(watch: Watch) -> Iterator[None]:
    """Start the processes while plan and survey go on in this one: to load Django and Polars takes as long.

    Those that an earlier call has started, or that have gathered records, stand by already.
    """
    watch.crew = watch.crew or [WorkerProcess(watch, stands_by=True) for _ in range(watch.workers)]
    try:
        yield
    finally:
        end_all(watch.crew)  # if `execute` has not taken them over
        watch.crew = []


def send_ahead(watch: Watch) -> None:
    """Send one of those who stand by to work while the survey goes on."""
    watch.crew[0].begin(is_ahead=True)


def execute(watch: Watch) -> None:
    """Run `watch.workers` processes until no chunk is left or the run stops.

    Replaces workers that die. Raises ImporterError with a worker's reason, and ChunkFailed if workers keep dying.
    """
    crew = _crew(watch)
    deaths = 0
    looks_over_budget = 0
    try:
        while crew and watch.open_chunks:
            watch.tick(at_once=_wait(crew))
            looks_over_budget = looks_over_budget + 1 if watch.control.memory_is_short else 0
            for process in list(crew):
                process.pass_on(watch)
                if process.is_running():
                    continue
                crew.remove(process)
                process.raise_failure()
                if process.died and not watch.control.stopping:
                    deaths += 1
                    _log_death(watch, process, deaths)
                    crew.append(WorkerProcess(watch))
                elif process.recycled:
                    crew.append(WorkerProcess(watch))
            if looks_over_budget > LOOKS_BEFORE_RECYCLING and crew:
                looks_over_budget = 0
                ledger.log(
                    watch.job, LogEvent.RECYCLED, "memory stayed above the budget", pid=crew[0].popen.pid
                )
                crew[0].recycle()
        if watch.job.gather_phase != watch.job.GatherPhase.GATHER or watch.control.stopping:
            for process in crew:
                process.stop()
        watch.crew, crew = crew, []  # they pour next, or end while the run goes on
    finally:
        end_all(crew)


def _wait(crew: list["WorkerProcess"]) -> bool:
    """Wait a moment; less if a process finds nothing more to do, which is returned."""
    ready = connection.wait([process.output.fileno() for process in crew], POLL_SECONDS)
    answers = [process.finds_nothing() for process in crew if process.output.fileno() in ready]
    return any(answers)


def end_all(crew: list["WorkerProcess"]) -> None:
    """End processes side by side."""
    for process in crew:
        process.stop()
    for process in crew:
        process.end()


def _crew(watch: Watch) -> list["WorkerProcess"]:
    """Send those who stand by to work, and dismiss those that are too many; without any, start processes."""
    crew, spare = watch.crew[: watch.workers], watch.crew[watch.workers :]
    watch.crew = []
    for process in crew:
        if not process.is_ahead:
            process.begin()
    end_all(spare)
    return crew or [WorkerProcess(watch) for _ in range(watch.workers)]


def _log_death(watch: Watch, process: "WorkerProcess", deaths: int) -> None:
    reason = f"worker {process.popen.pid} died with {process.popen.returncode}"
    patiently(lambda: ledger.log(watch.job, LogEvent.WORKER_DIED, reason), watch.control)
    if deaths > watch.workers * conf.MAX_CHUNK_ATTEMPTS * 4:
        raise ChunkFailed(f"Workers keep dying; the last exit status was {process.popen.returncode}.")


class WorkerProcess:
    def __init__(self, watch: Watch, *, stands_by: bool = False) -> None:
        first_orders = orders(watch.job.pk) | {"stand_by": stands_by}
        self.stands_by = stands_by
        self.is_ahead = False
        self.written = b""
        self.stop_sent = False
        self.recycled = False
        self.memory_sent = False
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "importer.executors.worker_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # an order to a dead worker must fail at once, not when a buffer is flushed later
            env=os.environ
            | ENVIRONMENT
            | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
            start_new_session=True,  # Ctrl-C reaches only the coordinator, which then stops its workers
        )
        self._send(first_orders)

    @property
    def output(self) -> IO[bytes]:
        assert self.popen.stdout
        return self.popen.stdout

    def finds_nothing(self) -> bool:
        """Read what the process has written: an answer, that no chunk is left, or the end."""
        written = os.read(self.output.fileno(), 65_536)
        if not written:
            time.sleep(POLL_SECONDS)  # it is ending
        self.written += written
        return b'{"drained"' in written

    def begin(self, *, is_ahead: bool = False) -> None:
        """Send a process to work that stands by. `is_ahead`: of all others, while the survey goes on."""
        self.stands_by, self.is_ahead = False, is_ahead
        self._send({"begin": True, "is_ahead": is_ahead})

    def is_running(self) -> bool:
        return self.popen.poll() is None

    @property
    def died(self) -> bool:
        return self.popen.returncode not in (0, 1)

    def pass_on(self, watch: Watch) -> None:
        if watch.control.stopping:
            self.stop()
        if watch.control.memory_is_short != self.memory_sent:
            self.memory_sent = watch.control.memory_is_short
            self._send({"memory_is_short": self.memory_sent})

    def recycle(self) -> None:
        """Stop the worker. A new process, with memory given back, replaces it."""
        self.recycled = True
        self.stop()

    def stop(self) -> None:
        """Stop the worker after its current batch."""
        if not self.stop_sent:
            self.stop_sent = True
            self._send({"stop": True})

    def raise_failure(self) -> None:
        """Raise ImporterError with the worker's reason if the worker failed."""
        lines = self._hang_up().decode().splitlines()
        if self.popen.returncode == 1:
            answers = (json.loads(line) for line in reversed(lines) if line.startswith('{"failed"'))
            answer = next(answers, {"failed": "a worker failed without a reason; see its standard error"})
            raise ImporterError(answer["failed"])

    def end(self) -> None:
        """Let the current batch finish, then kill the worker.

        A worker that must be killed is frozen or waits for a database that is gone; its lease expires. One that still
        stands by has nothing to finish.
        """
        self.stop()
        if self.stands_by:
            self.popen.kill()
        try:
            self.popen.wait(timeout=SECONDS_TO_FINISH)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self._hang_up()

    def _hang_up(self) -> bytes:
        """Close the pipes of an ended process and return what it wrote."""
        assert self.popen.stdin
        self.popen.stdin.close()
        if not self.output.closed:
            self.written += self.output.read()
            self.output.close()
        return self.written

    def _send(self, order: dict[str, Any]) -> None:
        stdin: IO[bytes] | None = self.popen.stdin
        assert stdin
        try:
            stdin.write(json.dumps(order).encode() + b"\n")
        except (BrokenPipeError, ValueError):
            return  # the process has ended, or its pipe is closed; the next poll sees its exit status


def orders(job_id: int) -> dict[str, Any]:
    """Return a worker's first orders: the job, the settings module, and what differs from it in this process."""
    module = os.environ.get("DJANGO_SETTINGS_MODULE") or getattr(settings, "SETTINGS_MODULE", "")
    if not module:
        raise ImporterError(
            "DJANGO_SETTINGS_MODULE is not set, but worker processes need it; set it, or use --executor inline."
        )
    carried, left = {}, []
    for name, value in getattr(settings, "IMPORTER", {}).items():
        try:
            carried[name] = json.loads(json.dumps(value, default=os.fspath))
        except TypeError:  # an object, such as "client_config" in S3
            left.append(name)
    return {
        "job": job_id,
        "settings": module,
        "databases": {alias: str(connections[alias].settings_dict["NAME"]) for alias in connections},
        "importer": carried,
        "importer_as_in_settings": left,
    }
