import io

from django.core.cache import caches
from django.core.management import call_command

from cortex.cache import statistics as stats


def test_hit_rates_are_told_by_alias_and_group() -> None:
    cache = caches["lists"]
    cache.report_counts()
    cache.redis.delete(f"{stats.KEY}:lists")
    for _ in range(3):
        cache.get_or_set("povs:first", lambda: ["a"])
    cache.report_counts()
    out = io.StringIO()

    call_command("cache_stats", stdout=out)

    (line,) = [line.split() for line in out.getvalue().splitlines() if line.startswith("lists")]
    assert line[:5] == ["lists", "povs", "66.7%", "2", "0"]
