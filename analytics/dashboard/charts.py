"""Chart.js comes from npm when the app is built (`make charts`). Without it the pages show their tables alone."""

from functools import lru_cache

from django.contrib.staticfiles import finders
from django.templatetags.static import static

SCRIPT = "analytics/vendor/chart.umd.min.js"


@lru_cache(maxsize=1)
def chart_script() -> str | None:
    """Its address; None where it has not been built, or not been collected since."""
    if finders.find(SCRIPT) is None:
        return None
    try:
        return static(SCRIPT)
    except ValueError:
        return None
