"""How many processors this process may use: not the machine's, where a container or `taskset` allows fewer."""

import math
import os
from pathlib import Path

# https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def processors() -> int:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CPU_MAX.read_text().split()
        return max(1, min(allowed, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or "max": no limit
        return allowed
