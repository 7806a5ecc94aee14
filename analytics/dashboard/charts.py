"""Finds Chart.js, which `make charts` gets from npm. Without it, pages show only their tables."""

from functools import lru_cache

from django.contrib.staticfiles import finders
from django.templatetags.static import static

SCRIPT = "analytics/vendor/chart.umd.min.js"


@lru_cache(maxsize=1)
def chart_script() -> str | None:
    """Return its address; None if it was not built, or not collected since."""
    if finders.find(SCRIPT) is None:
        return None
    try:
        return static(SCRIPT)
    except ValueError:
        return None
