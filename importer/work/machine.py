"""Measures what this machine gives a job: the memory of all its processes, and processors."""

import math
import os
from pathlib import Path

import psutil

MEGABYTE = 1024 * 1024
# https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def resident_mb() -> float:
    """Resident size of this process and all below it. Pages that processes share count once for each."""
    me = psutil.Process()
    total = me.memory_info().rss
    for child in me.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.Error:
            continue  # it ended between the two looks
    return total / MEGABYTE


def processors() -> int:
    """How many this process may use: fewer than the machine has, where a container or `taskset` limits it."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CPU_MAX.read_text().split()
        return max(1, min(allowed, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or "max": no limit
        return allowed
