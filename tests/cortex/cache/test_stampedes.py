"""Of many callers in several processes that miss a key at the same moment, one loads."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cortex.cache import ResilientRedisCache
from cortex.cache.steps import Command, Share, take
from tests.cortex.cache.caches import patient_cache
from tests.paths import PROJECT

pytestmark = pytest.mark.alone

PROCESSES, THREADS = 4, 25
START_SECONDS = 4.0  # until all processes run


@pytest.mark.parametrize("load_seconds", [0.3, 0.0])
def test_a_hundred_callers_in_four_processes_load_once(tmp_path: Path, load_seconds: float) -> None:
    patient_cache().clear()
    start, loads = time.time() + START_SECONDS, tmp_path / "loads"
    command = [sys.executable, "-m", "tests.cortex.cache.callers", os.environ["REDIS_URL"], str(start)]
    command += [str(THREADS), str(load_seconds), str(loads)]

    processes = [
        subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)
    ]
    answered = [int(process.communicate(timeout=60)[0]) for process in processes]

    assert answered == [THREADS] * PROCESSES
    assert loads.read_text().splitlines() == ["load"]


def test_who_missed_before_another_had_stored_it_does_not_load_again() -> None:
    cache: ResilientRedisCache = patient_cache()
    cache.clear()
    steps = cache.loading("cold:key", lambda: "second", 60, None).run()
    question = next(steps)
    assert isinstance(question, Command)
    shared = steps.send(cache.redis.execute_command(*question.words))

    cache.get_or_set("cold:key", lambda: "first")

    assert isinstance(shared, Share)
    assert take(shared.steps(), cache.redis) == "first"
    steps.close()


def test_who_found_it_nearly_over_before_another_had_loaded_it_does_not_load_again() -> None:
    cache: ResilientRedisCache = patient_cache()
    cache.get_or_set("k", lambda: "old", timeout=0.1)
    time.sleep(0.15)
    steps = cache.loading("k", lambda: "second", 60, None).run()
    question = next(steps)
    assert isinstance(question, Command)
    lock = steps.send(cache.redis.execute_command(*question.words))
    assert isinstance(lock, Command)

    cache.get_or_set("k", lambda: "first", timeout=60)

    assert lock.words[0] == "SET"
    outcome = cache.redis.execute_command(*lock.words)
    look = steps.send(outcome)
    assert isinstance(look, Command)
    unlock = steps.send(cache.redis.execute_command(*look.words))
    assert isinstance(unlock, Command)
    with pytest.raises(StopIteration) as end:
        steps.send(cache.redis.execute_command(*unlock.words))
    assert end.value.value == "first"
