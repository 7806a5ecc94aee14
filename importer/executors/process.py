"""Workers in processes of their own: started anew, never forked, since Polars' threads do not survive a fork.

A worker is told what to do by lines of JSON on its standard input, and tells by lines on its standard output. When the
input ends, whoever started it is gone, and it stops after the batch in hand. Nothing secret is on its command line.
"""

import json
import os
import subprocess
import sys
import time
from typing import IO, Any

from django.conf import settings
from django.db import connections

from importer import ledger
from importer.conf import conf
from importer.exceptions import ChunkFailed, ImporterError
from importer.models import LogEvent
from importer.run.watch import Watch
from importer.work.patience import patiently

POLL_SECONDS = 0.1
# Workers share the cores: a pool of threads for each would only take turns. And of glibc's arenas, one per thread,
# each keeps what was freed in it.
ENVIRONMENT = {"POLARS_MAX_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
# A worker over the budget is given so many looks to get smaller before it is replaced.
LOOKS_BEFORE_RECYCLING = 50
SECONDS_TO_FINISH = 10


def execute(watch: Watch) -> None:
    crew = [WorkerProcess(watch) for _ in range(watch.workers)]
    deaths = 0
    looks_over_budget = 0
    try:
        while crew and watch.open_chunks:
            time.sleep(POLL_SECONDS)
            watch.tick()
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
    finally:
        for process in crew:
            process.end()


def _log_death(watch: Watch, process: "WorkerProcess", deaths: int) -> None:
    reason = f"worker {process.popen.pid} died with {process.popen.returncode}"
    patiently(lambda: ledger.log(watch.job, LogEvent.WORKER_DIED, reason), watch.control)
    if deaths > watch.workers * conf.MAX_CHUNK_ATTEMPTS * 4:
        raise ChunkFailed(f"Workers keep dying; the last one with exit status {process.popen.returncode}.")


class WorkerProcess:
    def __init__(self, watch: Watch) -> None:
        told = orders(watch.job.pk)
        self.stop_sent = False
        self.recycled = False
        self.memory_told = False
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "importer.executors.worker_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # what cannot be told to a worker that is gone must not linger, and fail later
            env=os.environ
            | ENVIRONMENT
            | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
            start_new_session=True,  # Ctrl-C is for the coordinator, which then stops its workers in order
        )
        self._tell(told)

    def is_running(self) -> bool:
        return self.popen.poll() is None

    @property
    def died(self) -> bool:
        return self.popen.returncode not in (0, 1)

    def pass_on(self, watch: Watch) -> None:
        if watch.control.stopping and not self.stop_sent:
            self.stop_sent = True
            self._tell({"stop": True})
        if watch.control.memory_is_short != self.memory_told:
            self.memory_told = watch.control.memory_is_short
            self._tell({"memory_is_short": self.memory_told})

    def recycle(self) -> None:
        """Stop after the batch in hand; a new process, with memory given back, goes on."""
        self.recycled = True
        self._tell({"stop": True})

    def raise_failure(self) -> None:
        """Raise what the worker said went wrong, if it said something."""
        lines = self._hang_up().decode().splitlines()
        if self.popen.returncode == 1:
            told = next((json.loads(line) for line in reversed(lines) if line.startswith('{"failed"')), None)
            reason = (
                told["failed"] if told else "a worker failed without a reason; its standard error has more"
            )
            raise ImporterError(reason)

    def end(self) -> None:
        """On the way out, whatever the reason: let the batch in hand finish, then insist.

        A worker that is killed here was frozen, or waits for a database that is gone; its lease ends by itself.
        """
        self._tell({"stop": True})
        try:
            self.popen.wait(timeout=SECONDS_TO_FINISH)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self._hang_up()

    def _hang_up(self) -> bytes:
        """Close the pipes to a process that has ended; what it said."""
        assert self.popen.stdin
        assert self.popen.stdout
        said = self.popen.stdout.read()
        self.popen.stdin.close()
        self.popen.stdout.close()
        return said

    def _tell(self, order: dict[str, Any]) -> None:
        stdin: IO[bytes] | None = self.popen.stdin
        assert stdin
        try:
            stdin.write(json.dumps(order).encode() + b"\n")
        except BrokenPipeError:
            return  # it is gone; the next look at it says how


def orders(job_id: int) -> dict[str, Any]:
    """What a worker needs to be one of this site's: the settings, and what differs from them in this process."""
    module = os.environ.get("DJANGO_SETTINGS_MODULE") or getattr(settings, "SETTINGS_MODULE", "")
    if not module:
        raise ImporterError(
            "Worker processes need DJANGO_SETTINGS_MODULE, which is not set; set it, or use --executor inline."
        )
    carried, left = {}, []
    for name, value in getattr(settings, "IMPORTER", {}).items():
        try:
            carried[name] = json.loads(json.dumps(value, default=os.fspath))
        except TypeError:  # an object, as S3's "client_config" is one
            left.append(name)
    return {
        "job": job_id,
        "settings": module,
        "databases": {alias: str(connections[alias].settings_dict["NAME"]) for alias in connections},
        "importer": carried,
        "importer_as_in_settings": left,
    }
