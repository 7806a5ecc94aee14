"""Adapts the batch size: up in steps, down by halves."""

from importer.conf import conf

# Below this part of the target time a batch grows; above the target it shrinks; in between it stays, so that a fitting
# size does not oscillate.
COMFORTABLE = 0.5
# With a larger part of records that a search by halves must find, smaller batches are cheaper.
MANY_REFUSED = 0.25
STEPS_TO_THE_TOP = 8


class BatchSize:
    """Additive increase, multiplicative decrease (AIMD), within `BATCH_SIZE_MIN` and `BATCH_SIZE_MAX`."""

    def __init__(self) -> None:
        self.most = conf.BATCH_SIZE_MAX
        self.least = min(conf.BATCH_SIZE_MIN, self.most)
        self.records = max(self.least, min(conf.BATCH_SIZE_INITIAL, self.most))

    def learn(self, *, seconds: float, refused_part: float, memory_is_short: bool) -> str:
        """Adapt to the last batch. Returns the reason for a change, or "" for none."""
        target = conf.BATCH_TARGET_SECONDS
        if memory_is_short:
            return self._set(self.records // 2, "memory is short")
        if seconds > target:
            return self._set(self.records // 2, f"a commit took {seconds:.1f} s")
        if refused_part > MANY_REFUSED:
            return self._set(self.records // 2, f"{refused_part:.0%} rejected by the database")
        if seconds < target * COMFORTABLE:
            return self._set(self.records + max(1, self.most // STEPS_TO_THE_TOP), "commits are fast")
        return ""

    def _set(self, records: int, reason: str) -> str:
        records = max(self.least, min(records, self.most))
        if records == self.records:
            return ""
        self.records = records
        return reason
