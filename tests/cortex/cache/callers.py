"""Requests a missing key from many threads. test_stampedes runs it in several processes at the same moment.

    python -m tests.cortex.cache.callers REDIS_URL START THREADS LOAD_SECONDS FILE

Adds a line to FILE for each load; prints how many callers got the value.
"""

import sys
import threading
import time
from pathlib import Path


def main(url: str, start: float, threads: int, load_seconds: float, file: Path) -> None:
    import django

    django.setup()
    from tests.cortex.cache.caches import make_cache
    from tests.throwaway_services import PATIENCE

    answers: list[str] = []

    def load() -> str:
        with file.open("a") as loads:
            loads.write("load\n")
        time.sleep(load_seconds)
        return "value"

    def call() -> None:
        time.sleep(max(0.0, start - time.time()))
        answers.append(make_cache(url, **PATIENCE).get_or_set("cold:key", load))

    callers = [threading.Thread(target=call) for _ in range(threads)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    print(answers.count("value"))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5]))
