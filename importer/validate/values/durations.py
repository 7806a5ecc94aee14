"""Recognises durations by columns: texts that Django and PostgreSQL read as the same interval."""

import polars as pl

# Signs are left to Django, because PostgreSQL has several styles for them. So are parts that carry over into the next,
# of which the interval that Django sends has none.
DAYS = "[0-9]{1,6}"
FRACTION = r"(?:\.[0-9]{1,6})?"
CLOCK = rf"(?:{DAYS} (?:days?,? )?)?(?:[0-9]|[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]{FRACTION}"
SECONDS = rf"(?:[0-9]{{1,4}}|[1-7][0-9]{{4}}){FRACTION}"
HOUR, MINUTE, SECOND = "(?:[01]?[0-9]|2[0-3])H", "[0-5]?[0-9]M", "[0-5]?[0-9]S"
TIME = f"T(?:{HOUR}(?:{MINUTE})?(?:{SECOND})?|{MINUTE}(?:{SECOND})?|{SECOND})"
ISO = f"P(?:{DAYS}D(?:{TIME})?|{TIME})"
DURATION = f"^(?:{CLOCK}|{SECONDS}|{ISO})$"
# PostgreSQL takes these for hours and minutes.
MINUTES_AND_SECONDS = f"^[0-5]?[0-9]:[0-5][0-9]{FRACTION}$"


def duration(text: pl.Expr) -> pl.Expr:
    """Return durations as PostgreSQL reads them; null for what is left to Django."""
    plain = pl.when(text.str.contains(DURATION)).then(text.str.replace(",", "", literal=True))
    return pl.when(text.str.contains(MINUTES_AND_SECONDS)).then(pl.lit("0:") + text).otherwise(plain)
