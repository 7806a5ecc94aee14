"""Exports the events of a period as CSV, JSON lines or Parquet, however many there are.

Events are read in pages, each after the last row of the page before. No cursor is held, and only one page is in memory.
"""

import csv
import datetime as dt
import io
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q
from django.http import HttpRequest

from analytics.calendar import aware, midnight, stored
from analytics.conf import zone
from analytics.filters import Filters
from analytics.panels.people import names_of
from analytics.period import DAY, Period
from analytics.reports.matching import matching
from analytics.rollups.logs import ACTIVITIES, LOGINS, Log

PAGE = 5_000
COLUMNS = {
    LOGINS.name: (
        "timestamp", "user", "identifier", "login_method", "success", "failure_reason", "device_type", "browser", "os",
        "ip_address", "country", "user_agent",
    ),
    ACTIVITIES.name: ("timestamp", "user", "action", "entity_type", "entity_id", "metadata"),
}  # fmt: skip
# Spreadsheets read a text that begins with one of these as a formula. https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 (the full-width forms)


@dataclass(frozen=True, slots=True)
class Format:
    content_type: str
    write: Callable[[Log, Iterator[list[dict[str, Any]]]], Iterable[bytes]]


def events(log: Log, period: Period, filters: Filters) -> Iterator[list[dict[str, Any]]]:
    """Yield pages of events in order of time; `user` is the user's name. Filters apply to logins only."""
    start, end = stored(midnight(period.first, zone())), stored(midnight(period.last + DAY, zone()))
    rows: Any = log.model._default_manager.filter(timestamp__gte=start, timestamp__lt=end)
    if log is LOGINS:
        rows = matching(rows, filters)
    rows = rows.order_by("timestamp", "pk").values("pk", *COLUMNS[log.name])
    last: Any = None
    while page := list((rows if last is None else rows.filter(_after(last)))[:PAGE]):
        last = page[-1]
        names = names_of(row["user"] for row in page)
        yield [_named(row, names) for row in page]


def _after(row: dict[str, Any]) -> Q:
    """Select the rows after a row. The first condition alone bounds the scan of the index."""
    moment = row["timestamp"]
    return Q(timestamp__gte=moment) & (Q(timestamp__gt=moment) | Q(timestamp=moment, pk__gt=row["pk"]))


def _named(row: dict[str, Any], names: dict[Any, str]) -> dict[str, Any]:
    values = {name: value for name, value in row.items() if name != "pk"}
    return values | {"user": names.get(row["user"], "")}


def _csv(log: Log, pages: Iterator[list[dict[str, Any]]]) -> Iterator[bytes]:
    return csv_of(COLUMNS[log.name], ((row.values() for row in page) for page in pages))


def csv_of(columns: Iterable[str], pages: Iterable[Iterable[Iterable[Any]]]) -> Iterator[bytes]:
    """Yield pages of rows as CSV, without cells that a spreadsheet would run."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for page in pages:
        writer.writerows([_cell(value) for value in row] for row in page)
        yield _flushed(text)
    yield _flushed(text)


def _flushed(text: io.StringIO) -> bytes:
    written = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return written


def _cell(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return aware(value).astimezone(zone()).isoformat()
    if isinstance(value, dict | list):
        return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _json_lines(log: Log, pages: Iterator[list[dict[str, Any]]]) -> Iterator[bytes]:
    encode = DjangoJSONEncoder(ensure_ascii=False).encode
    for page in pages:
        yield "".join(encode(row) + "\n" for row in page).encode()


def _parquet(log: Log, pages: Iterator[list[dict[str, Any]]]) -> Iterator[bytes]:
    """Write a file per page; Polars joins them without loading them. The file is sent after its folder is deleted."""
    with tempfile.TemporaryDirectory(prefix="analytics-") as name:
        whole = _joined(log, pages, Path(name))
        file = whole.open("rb")
    yield from _blocks(file)


def _joined(log: Log, pages: Iterator[list[dict[str, Any]]], folder: Path) -> Path:
    import polars as pl

    types: dict[str, Any] = dict.fromkeys(COLUMNS[log.name], pl.String)
    types |= {"timestamp": pl.Datetime("us", "UTC")} | ({"success": pl.Boolean} if log is LOGINS else {})

    def write(page: list[dict[str, Any]], number: int) -> Path:
        path = folder / f"{number}.parquet"
        rows = [[_value(value) for value in row.values()] for row in page]
        pl.DataFrame(rows, schema=types, orient="row").write_parquet(path)
        return path

    parts = [write(page, number) for number, page in enumerate(pages, start=1)] or [write([], 0)]
    whole = folder / "whole.parquet"
    pl.scan_parquet(parts).sink_parquet(whole)
    return whole


def _value(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return aware(value)
    return json.dumps(value, cls=DjangoJSONEncoder) if isinstance(value, dict | list) else value


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while block := file.read(1 << 16):
            yield block


def streamed(request: HttpRequest, blocks: Iterable[bytes]) -> Iterable[bytes] | AsyncIterator[bytes]:
    """Return an async iterator under ASGI: there a sync one is read to its end before the first byte is sent."""
    return _awaited(iter(blocks)) if isinstance(request, ASGIRequest) else blocks


async def _awaited(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    following = sync_to_async(lambda: next(blocks, None))
    while (block := await following()) is not None:
        yield block


def formats() -> dict[str, Format]:
    """Return the formats by file extension; Parquet only if polars is installed."""
    available = {
        "csv": Format("text/csv; charset=utf-8", _csv),
        "jsonl": Format("application/x-ndjson", _json_lines),
    }
    if find_spec("polars") is not None:
        available["parquet"] = Format("application/vnd.apache.parquet", _parquet)
    return available
