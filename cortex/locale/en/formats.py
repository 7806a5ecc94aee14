"""Writes days and moments as all pages of the site do: 28 Nov 2026, 02:02."""

DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "j M Y, H:i"
