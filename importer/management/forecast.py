"""Shows a forecast in lines for people."""

from collections.abc import Iterator

from importer.exceptions import one_line
from importer.management.progress import clock
from importer.run.forecast import Forecast

MEGABYTE = 1_000_000


def forecast_lines(forecast: Forecast) -> Iterator[str]:
    about = "" if forecast.is_exact else "about "
    yield (
        f"Forecast of job {forecast.job}, from a sample of {forecast.sampled.read:,} of {about}{forecast.records:,} "
        f"records; nothing was written"
    )
    yield f"  time       {_time(forecast)}"
    yield f"  rate       {forecast.rate:,} records/s by one worker"
    yield f"  disk       {_size(forecast.disk_bytes)} in the table and its indexes, {_size(forecast.wal_bytes)} of WAL"
    yield f"  rejected   {_rejected(forecast)}"
    for family in forecast.families:
        example = family.examples[0]
        yield one_line(
            f"             {family.where}: {family.code}, as in {example.place}: {example.message}"
        )
    for sentence in forecast.advice:
        yield one_line(f"  advice     {sentence}")


def _time(forecast: Forecast) -> str:
    alone = clock(forecast.seconds)
    if forecast.workers == 1:
        return f"{alone} with one worker"
    least = clock(forecast.seconds / forecast.workers)
    return f"{alone} with one worker; with {forecast.workers}, as by default, between {least} and that"


def _rejected(forecast: Forecast) -> str:
    if not forecast.rejected:
        return "none of the sample"
    part = forecast.sampled.rejected / forecast.sampled.read
    return f"{'' if forecast.is_exact and part == 1 else 'about '}{forecast.rejected:,} records ({part:.1%})"


def _size(size: int) -> str:
    return f"{size / MEGABYTE:,.0f} MB" if size >= MEGABYTE else f"{size / 1_000:,.0f} kB"
