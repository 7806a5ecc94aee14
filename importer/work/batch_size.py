"""How many records the next transaction takes: up in steps, down by halves."""

from importer.conf import conf

# Below this part of the target time a batch may grow, above the target it must shrink; between, it stays. So a size
# that fits is kept, instead of swinging around it.
COMFORTABLE = 0.5
# Of records refused one by one, which costs a search by halves: with more than this, smaller batches are cheaper.
MANY_REFUSED = 0.25
STEPS_TO_THE_TOP = 8


class BatchSize:
    """Additive increase, multiplicative decrease, within the configured bounds."""

    def __init__(self) -> None:
        self.most = conf.BATCH_SIZE_MAX
        self.least = min(conf.BATCH_SIZE_MIN, self.most)
        self.records = max(self.least, min(conf.BATCH_SIZE_INITIAL, self.most))

    def learn(self, *, seconds: float, refused_part: float, memory_is_short: bool) -> str:
        """Take the last batch into account; the reason of a change, or nothing."""
        target = conf.BATCH_TARGET_SECONDS
        if memory_is_short:
            return self._set(self.records // 2, "memory is short")
        if seconds > target:
            return self._set(self.records // 2, f"a commit took {seconds:.1f} s")
        if refused_part > MANY_REFUSED:
            return self._set(self.records // 2, f"{refused_part:.0%} refused by the database")
        if seconds < target * COMFORTABLE:
            return self._set(self.records + max(1, self.most // STEPS_TO_THE_TOP), "commits are fast")
        return ""

    def _set(self, records: int, reason: str) -> str:
        records = max(self.least, min(records, self.most))
        if records == self.records:
            return ""
        self.records = records
        return reason
