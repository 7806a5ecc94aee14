"""Measures the memory of a job's processes, and the processors it may use."""

import math
import os
from contextlib import suppress
from pathlib import Path

import psutil

MEGABYTE = 1024 * 1024
# https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def resident_mb() -> float:
    """Return the resident size of this process and its descendants, in MB. Shared pages count once per process."""
    me = psutil.Process()
    listed = Path("/proc/thread-self/children").exists()
    total = me.memory_info().rss
    for descendant in (
        _descendants(me.pid) if listed else [child.pid for child in me.children(recursive=True)]
    ):
        try:
            total += psutil.Process(descendant).memory_info().rss
        except psutil.Error:
            continue  # it ended in between
    return total / MEGABYTE


def _descendants(pid: int) -> list[int]:
    """Return the processes below one, as Linux lists them. psutil would read the folders of all processes for it."""
    found: list[int] = []
    with suppress(OSError):  # it ended in between, or one of its threads
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found + [below for child in found for below in _descendants(child)]


def processors() -> int:
    """Return how many processors this process may use, within the limits of a container or `taskset`."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CPU_MAX.read_text().split()
        return max(1, min(allowed, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or "max": no limit
        return allowed
