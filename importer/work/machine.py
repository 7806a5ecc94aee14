"""Memory of a job: all its processes together."""

import psutil

MEGABYTE = 1024 * 1024


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
