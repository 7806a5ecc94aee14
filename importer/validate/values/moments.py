"""Recognises days, times and moments by columns, and gives a moment without offset that of its time zone."""

import datetime as dt

import polars as pl

# Years from 1000 on: earlier ones may leave Python's calendar when shifted to UTC.
DAY = r"[1-9][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
CLOCK_OF_MOMENT = CLOCK.replace("{1,6}", "{1,12}")
# What Django passes over: a blank before the offset, and the digits after the sixth, which PostgreSQL would round.
BLANK, DIGITS = r"^(.{16}[^ ]*) ", r"^(.{19}\.[0-9]{6})[0-9]+"
OFFSET = r" ?(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"
# Of the year 9999 only mornings in UTC, which end before midnight in every time zone.
BEFORE_9999 = r"(?:[1-8][0-9]{3}|9(?:[0-8][0-9]{2}|9(?:[0-8][0-9]|9[0-8])))" + DAY.removeprefix(
    "[1-9][0-9]{3}"
)
MORNING_OF_9999 = (
    DAY.replace("[1-9][0-9]{3}", "9999") + r"[T ]0[0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,12})?)?"
)
MOMENT = rf"{BEFORE_9999}[T ]{CLOCK_OF_MOMENT}"
WITH_OFFSET = rf"^(?:{MOMENT}{OFFSET}|{MORNING_OF_9999} ?(?:Z|\+00(?::?00)?))$"
WITHOUT_OFFSET = rf"^{MOMENT}$"
WITHOUT_OFFSET_IN_UTC = rf"^(?:{MOMENT}|{MORNING_OF_9999})$"
MOST_DAYS = 50_000


def is_day(text: pl.Expr) -> pl.Expr:
    """Check the calendar: the pattern accepts 31 February."""
    return text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False).is_not_null()


class Moments:
    """Reads moments as those of a time zone, unless they have an offset."""

    def __init__(self, zone: dt.tzinfo) -> None:
        self.zone = zone
        self.is_utc = zone.tzname(None) == "UTC"
        self._offsets: dict[str, str | None] = {}

    def __call__(self, text: pl.Expr) -> pl.Expr:
        """Return moments with an offset, as PostgreSQL reads them; null for what is left to Django."""
        return text.map_batches(self._read, return_dtype=pl.String)

    def _read(self, texts: pl.Series) -> pl.Series:
        moments = _moments(texts, WITH_OFFSET)
        if moments.null_count() == texts.null_count():
            return moments
        local = _moments(texts, WITHOUT_OFFSET_IN_UTC if self.is_utc else WITHOUT_OFFSET)
        if local.null_count() < local.len():
            local = local + self._offsets_of(local)
        return moments.zip_with(moments.is_not_null(), local)

    def _offsets_of(self, moments: pl.Series) -> pl.Series:
        if self.is_utc:
            return pl.Series(["+00:00"])
        days = moments.str.slice(0, 10)
        distinct = days.drop_nulls().unique()
        offsets = pl.Series([self._offset_of(day) for day in distinct.to_list()], dtype=pl.String)
        return days.replace_strict(distinct, offsets, default=None, return_dtype=pl.String)

    def _offset_of(self, day: str) -> str | None:
        """Return the offset of a whole day; None if it changes within, so that Django has to decide.

        No time zone has ever changed its offset and changed it back within less than four days.
        """
        if day not in self._offsets:
            if len(self._offsets) >= MOST_DAYS:
                self._offsets.clear()
            midnight = dt.datetime.fromisoformat(day).replace(tzinfo=self.zone)
            offsets = {(midnight + dt.timedelta(hours=hour)).utcoffset() for hour in range(0, 25, 6)}
            self._offsets[day] = str(midnight)[19:] if len(offsets) == 1 else None
        return self._offsets[day]


def _moments(texts: pl.Series, pattern: str) -> pl.Series:
    """Return the texts of a pattern as PostgreSQL reads them as Django does, and null for others."""
    text = pl.col("text")
    frame = texts.alias("text").to_frame()
    frame = frame.select(pl.when(text.str.contains(pattern) & is_day(text)).then(text))
    if frame.select(text.str.contains(f"{BLANK}|{DIGITS}").any()).item():
        frame = frame.select(text.str.replace(BLANK, "${1}").str.replace(DIGITS, "${1}"))
    return frame.to_series()
