"""Runs a worker in its own process: `python -m importer.executors.worker_process` (see `process`).

When no chunk is left, it waits for the order to begin again, with the next phase of the job, or to stop.
"""

import atexit
import contextlib
import gc
import json
import os
import signal
import sys
import threading
from typing import IO, Any


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    atexit.register(gc.freeze)  # as in `management.command`: the coordinator waits for the end
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    # A spec that prints must not fill this pipe, which the coordinator reads only at the end.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    orders = json.loads(sys.stdin.readline())
    _set_up_django(orders)

    from django.db import Error as DatabaseError

    from importer import ledger
    from importer.exceptions import any_fault, reason_of, traceback_of
    from importer.models import DataImportJob, LogEvent
    from importer.work.control import Control
    from importer.work.retry import patiently
    from importer.work.worker import Worker

    control, may_begin, begun_ahead = Control(), threading.Event(), threading.Event()

    def stop(*_: Any) -> None:
        control.stop()
        may_begin.set()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_listen, args=(control, may_begin, begun_ahead), daemon=True).start()
    if not orders["stand_by"]:
        may_begin.set()
    try:
        while not control.stopping:
            may_begin.wait()
            may_begin.clear()
            if not control.stopping:
                job = patiently(lambda: DataImportJob.objects.get(pk=orders["job"]), control)
                Worker(job, control, is_ahead=begun_ahead.is_set()).drain()
                begun_ahead.clear()
                _answer(answers, {"drained": True})
    except any_fault() as error:
        if details := traceback_of(error):
            with contextlib.suppress(DatabaseError):
                ledger.log(orders["job"], LogEvent.WORKER_FAILED, reason_of(error), **details)
        _answer(answers, {"failed": reason_of(error)})
        return 1
    return 0


def _answer(answers: IO[str], answer: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):  # the coordinator is gone; the standard input tells so, too
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _set_up_django(orders: dict[str, Any]) -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = orders["settings"]
    django.setup()

    from django.conf import settings
    from django.db import connections

    from importer.conf import conf

    conf.adopt(
        orders["importer"] | {name: settings.IMPORTER[name] for name in orders["importer_as_in_settings"]}
    )
    for alias, name in orders["databases"].items():
        connections[alias].settings_dict["NAME"] = name  # the coordinator's, which may be a test database


def _listen(control: Any, may_begin: threading.Event, begun_ahead: threading.Event) -> None:
    for line in sys.stdin:
        order = json.loads(line)
        if order.get("begin"):
            if order["is_ahead"]:  # before any other order to begin
                begun_ahead.set()
            may_begin.set()
        if "memory_is_short" in order:
            control.memory_is_short = order["memory_is_short"]
        if order.get("stop"):
            control.stop()
            may_begin.set()
    control.stop()  # the input has ended: the coordinator is gone
    may_begin.set()


if __name__ == "__main__":
    sys.exit(main())
