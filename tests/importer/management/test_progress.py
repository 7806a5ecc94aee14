"""The line that tells progress: what people need least is left out first where the terminal is narrow."""

import pytest

from importer.management.progress import progress_line
from importer.records import Counts
from importer.run.results import Progress

PROGRESS = Progress(
    job=12, counts=Counts(read=1_234_567, inserted=1_234_415, rejected=152), part=0.4, seconds=50.0,
    records_per_second=24_691.0, eta_seconds=75.0, batch_size=10_000, memory_mb=412.0,
)  # fmt: skip
WHOLE = "1,234,567 records · 24,691/s · 1:15 left · batch 10,000 · 152 rejected · 412 MB"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (None, WHOLE),
        (len(WHOLE), WHOLE),
        (len(WHOLE) - 1, "1,234,567 records · 24,691/s · 1:15 left · batch 10,000 · 152 rejected"),
        (56, "1,234,567 records · 24,691/s · 1:15 left · 152 rejected"),
        (50, "1,234,567 records · 1:15 left · 152 rejected"),
        (1, "1,234,567 records"),
    ],
)
def test_what_people_need_least_is_left_out_first(width: int | None, shown: str) -> None:
    assert progress_line(PROGRESS, width) == shown
