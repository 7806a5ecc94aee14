"""A moment that leaves the calendar on its way to UTC is rejected, because the ORM could not read the row again."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.contrib.postgres import fields as pg
from django.db import connection, models
from django.test import override_settings
from django.utils import timezone

from importer import Column, run_import
from importer.jobs import create_job
from tests.importer.real_tables.databases.fates import rejected

pytestmark = pytest.mark.django_db(transaction=True)

MORNING, NIGHT, DAWN = "9999-12-31 00:00:00", "9999-12-31 23:59:59", "0001-01-01 00:00:00"
ZONES = ["UTC", "America/New_York", "Asia/Tokyo", "Pacific/Kiritimati"]
TEXTS = [
    f"{moment}{offset}"
    for moment in (
        MORNING,
        NIGHT,
        DAWN,
        "9998-12-31 23:59:59",
        "1000-01-01 00:00:00",
        "2020-07-01 12:00:00.5",
    )
    for offset in ("", "Z", "+00", "+00:00", "-05:00", "+13:59", "-00:01", "+00:01", "-13")
]


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    with override_settings(TIME_ZONE=request.param), timezone.override(request.param):
        yield request.param


@pytest.fixture(params=["UTC", "Asia/Tokyo"])
def session_zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """The time zone in which the connection returns moments: DATABASES[…]["TIME_ZONE"]."""

    def reconnect(zone: str | None) -> None:
        connection.close()
        connection.settings_dict["TIME_ZONE"] = zone
        for name in ("timezone", "timezone_name"):
            connection.__dict__.pop(name, None)

    reconnect(None if request.param == "UTC" else request.param)
    yield request.param
    reconnect(None)


def by_hand(text: str, zone: dt.tzinfo) -> dt.datetime | None:
    """Return what the field reads, in UTC; None for what leaves the calendar there or in the connection's zone."""
    moment = models.DateTimeField().to_python(text)
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment)
    try:
        return moment.astimezone(dt.UTC).astimezone(zone).astimezone(dt.UTC)
    except OverflowError:
        return None


def test_in_every_lane(
    target: Callable[..., Any], run: Callable[..., Any], folder: Path, zone: str, session_zone: str
) -> None:
    model = target(nr=models.IntegerField(), at=models.DateTimeField())
    source = folder / "moments.csv"
    source.write_text("nr,at\n" + "".join(f"{nr},{text}\n" for nr, text in enumerate(TEXTS)))

    job, result = run(str(source))

    expected = {text: by_hand(text, connection.timezone) for text in TEXTS}
    stored = {TEXTS[nr]: at.astimezone(dt.UTC) for nr, at in model.objects.values_list("nr", "at")}
    assert result.status == "completed", result
    assert stored == {text: moment for text, moment in expected.items() if moment is not None}
    assert [errors[0][1] for errors in rejected(job).values()] == [t for t in TEXTS if expected[t] is None]


def test_by_a_format_and_by_clean(target: Callable[..., Any], run: Callable[..., Any], folder: Path) -> None:
    def clean(self: Any) -> None:
        if self.until is None:
            self.until = dt.datetime(9999, 12, 31, 23, 59, tzinfo=dt.timezone(dt.timedelta(hours=-1)))

    model = target(
        nr=models.IntegerField(),
        at=models.DateTimeField(null=True, blank=True),
        until=models.DateTimeField(null=True, blank=True),
        clean=clean,
        spec={"at": Column("at", formats=("%Y/%m/%d %H:%M %z",))},
    )
    source = folder / "moments.csv"
    source.write_text(
        "nr,at,until\n0,9999/12/31 23:59 -0100,2020-01-01\n1,9999/12/31 23:59 +0100,2020-01-01\n2,,\n"
    )

    job, _ = run(str(source))

    assert list(model.objects.values_list("nr", flat=True)) == [1]
    assert sorted(rejected(job)) == [2, 4]


def test_of_parquet_and_of_databases(
    target: Callable[..., Any], run: Callable[..., Any], folder: Path, sqlite: Any
) -> None:
    model = target(nr=models.IntegerField(), at=models.DateTimeField())
    sqlite.execute("CREATE TABLE t (nr INTEGER PRIMARY KEY, at DATETIME)")
    sqlite.execute(f"INSERT INTO t VALUES (0, '{NIGHT}-01:00'), (1, '{NIGHT}')")
    moments = [dt.datetime(2020, 1, 1), dt.datetime(9999, 12, 31, 23)]
    pl.DataFrame({"nr": [2, 3], "at": pl.Series(moments)}).write_parquet(folder / "moments.parquet")

    with override_settings(TIME_ZONE="America/New_York"), timezone.override("America/New_York"):
        jobs = [run("db:lite/t")[0], run(str(folder / "moments.parquet"))[0]]

    assert [row.nr for row in model.objects.all()] == [2]
    assert [list(rejected(job)) for job in jobs] == [[1, 2], [2]]


def test_within_arrays_and_ranges(target: Callable[..., Any], run: Callable[..., Any], folder: Path) -> None:
    model = target(
        nr=models.IntegerField(),
        many=pg.ArrayField(models.DateTimeField(), null=True, blank=True),
        span=pg.DateTimeRangeField(null=True, blank=True),
    )
    source = folder / "moments.csv"
    source.write_text(
        "nr;many;span\n"
        f'0;"{{""{NIGHT}-01:00""}}";\n'
        f'1;;"[""{NIGHT}-01:00"",)"\n'
        f'2;"{{""{NIGHT}+01:00""}}";"[,""{NIGHT}+01:00""]"\n'
    )

    job = create_job("sample", str(source), delimiter=";")
    run_import(job, workers=1)

    assert [row.nr for row in model.objects.all()] == [2]
    assert sorted(rejected(job)) == [2, 3]
