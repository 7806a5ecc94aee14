"""A moment without offset is read in the site's time zone as Django reads it."""

import datetime as dt
import zoneinfo
from itertools import pairwise
from typing import Any
from zoneinfo import _zoneinfo  # type: ignore[attr-defined]

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.validate.values.moments import Moments
from tests.importer.samples.crm.models import Variants
from tests.importer.validate import border_texts
from tests.importer.validate.plain_django import saved_texts, stored_texts
from tests.importer.validate.test_lanes import plan_for, shown, validated

# Among them: half an hour of daylight saving, a day that was left out, offsets with seconds, changes at midnight.
ZONES = [
    "America/Chicago", "America/St_Johns", "Europe/Dublin", "Africa/Casablanca", "Africa/Monrovia", "Asia/Kathmandu",
    "Asia/Gaza", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati", "America/Havana", "UTC", "Etc/GMT+12",
]  # fmt: skip
changes = st.sampled_from(
    ["1883-11-18", "1918-03-31", "2011-12-30", "2024-03-10", "2024-04-07", "2024-11-03"]
)
hours = st.times().map(lambda time: time.isoformat())
moments = st.one_of(
    st.datetimes(dt.datetime(1000, 1, 1), dt.datetime(9998, 12, 31)).map(str),
    st.tuples(changes, hours).map(" ".join),
    st.tuples(
        changes, st.sampled_from(["00:00", "00:30", "01:59:59.999999", "02:30", "03:00", "23:59:59"])
    ).map("T".join),
)


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(moments, min_size=1, max_size=40))
def test_the_offset_is_the_one_that_django_would_add(zone: str, texts: list[str]) -> None:
    moments = Moments(zoneinfo.ZoneInfo(zone))

    read = pl.DataFrame({"text": texts}).select(moments(pl.col("text"))).to_series().to_list()

    expected = [dt.datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo(zone)) for text in texts]
    wrong = [
        (text, moment)
        for text, moment, true in zip(texts, read, expected, strict=True)
        if moment is not None
        and (dt.datetime.fromisoformat(moment) - true.astimezone(dt.UTC) or text not in moment)
    ]
    assert wrong == []


def test_days_on_which_the_clock_changes_are_left_to_django_and_others_are_not() -> None:
    moments = Moments(zoneinfo.ZoneInfo("America/Chicago"))
    texts = [
        "2024-03-09 12:00",
        "2024-03-10 12:00",
        "2024-03-11 12:00",
        "2024-11-03 01:30",
        "2024-11-03 01:30-06:00",
    ]

    read = pl.DataFrame({"text": texts}).select(moments(pl.col("text"))).to_series().to_list()

    assert read == ["2024-03-09 12:00-06:00", None, "2024-03-11 12:00-05:00", None, "2024-11-03 01:30-06:00"]


def test_no_time_zone_changes_its_offset_twice_within_four_days() -> None:
    """Nor back, so that a day's offset is known from a few of its hours."""
    for name in zoneinfo.available_timezones():
        changes = _zoneinfo.ZoneInfo(name)._trans_utc

        assert all(later - earlier > 3 * 86_400 for earlier, later in pairwise(changes)), name


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["America/Chicago", "Asia/Kathmandu"])
def test_both_lanes_together_answer_as_django_does_in_a_zone(zone: str, settings: Any) -> None:
    settings.TIME_ZONE = zone
    field = Variants._meta.get_field("moment_required")
    texts = [
        *border_texts.MOMENTS,
        "2024-03-10 02:30:00",
        "2024-11-03 01:30:00",
        "2024-03-10 12:00",
        "1850-01-01T00:00",
    ]

    answers = validated(plan_for(field), texts)

    assert shown(stored_texts(field, answers), texts) == shown(saved_texts(field, texts), texts)
