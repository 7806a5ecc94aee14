"""Draws counts over time as SVG: stacked bars, and the period before as a line.

The parts that may be stretched are in a nested picture of their own, and all else is placed by percentages. So texts
and strokes are sharp at any width, and nothing needs a style attribute, which a strict Content-Security-Policy forbids.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from analytics.words import number

# The nested picture: so many units for a place on the time axis, and so many from zero to the top.
PLACE, HEIGHT = 10, 1000
# The free part of a place beside its bar. Many bars stand close together: gaps would be all that one sees.
GAP, MOST_WITH_GAPS = 1.5, 62
# A bar that is not zero is at least this high, which is one pixel.
LEAST = 4
# Lines of the grid above zero.
LINES = 4
# A label this near to an edge begins or ends there.
EDGE = 5.0


@dataclass(frozen=True, slots=True)
class Chart:
    """The numbers of a chart of logins over time.

    places               how many hours, days or months the time axis has, those to come included
    successes, failures  a number for each place so far
    previous             a number for each place of the period before; empty if there is nothing to compare with
    labels               texts under the time axis, each with its place
    """

    places: int
    successes: Sequence[int]
    failures: Sequence[int]
    previous: Sequence[int] = ()
    labels: Sequence[tuple[int, str]] = ()

    @property
    def most(self) -> int:
        """The largest value that is drawn."""
        together = (a + b for a, b in zip(self.successes, self.failures, strict=True))
        return max([0, *together, *self.previous])


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart as it stands in the page.

    axis     the numbers beside the lines of the grid, from the top down
    picture  the content of an SVG element
    """

    axis: tuple[str, ...]
    picture: SafeString


def drawn(chart: Chart) -> Drawing:
    numbers = grid(chart.most)
    top = numbers[-1]
    picture = format_html(
        '{}<svg viewBox="0 0 {} {}" preserveAspectRatio="none">{}</svg>{}',
        _lines(len(numbers)),
        max(chart.places, 1) * PLACE,
        HEIGHT,
        _curves(chart, top),
        _labels(chart),
    )
    return Drawing(tuple(number(value) for value in reversed(numbers)), picture)


def grid(most: int) -> list[int]:
    """Return round numbers from 0 to at least `most`, in equal steps of 1, 2 or 5 times a power of ten."""
    rough = max(1, -(-most // LINES))
    power = 10 ** (len(str(rough)) - 1)
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [step * line for line in range(max(1, -(-most // step)) + 1)]


def height(value: int, top: int) -> int:
    """Return how high a value reaches, in units of the picture."""
    return max(LEAST, round(HEIGHT * value / top)) if value else 0


def position(place: int, places: int) -> float:
    """Return the middle of a place on the time axis, in percent."""
    return round(100 * (place + 0.5) / max(places, 1), 2)


def _lines(number_of_lines: int) -> SafeString:
    steps = number_of_lines - 1
    return format_html_join(
        "",
        '<line class="an-gridline" x2="100%" y1="{0}%" y2="{0}%"/>',
        ((round(100 * line / steps, 2),) for line in range(number_of_lines)),
    )


def _curves(chart: Chart, top: int) -> SafeString:
    nothing = [0] * len(chart.successes)
    both = [a + b for a, b in zip(chart.successes, chart.failures, strict=True)]
    curves = (
        ("an-ok", bars(chart.places, nothing, chart.successes, top)),
        ("an-failed", bars(chart.places, chart.successes, both, top)),
        ("an-before", line(chart.previous, top)),
    )
    return format_html_join("", '<path class="{}" d="{}"/>', ((name, path) for name, path in curves if path))


def bars(places: int, lows: Sequence[int], highs: Sequence[int], top: int) -> str:
    """Return the path of bars from a low to a high value each. Places without a bar draw nothing."""
    gap = GAP if places <= MOST_WITH_GAPS else 0
    width = f"{PLACE - 2 * gap:g}"

    def each() -> Iterator[str]:
        for place, (low, high) in enumerate(zip(lows, highs, strict=True)):
            if high > low:
                bottom = height(low, top)
                upper = max(height(high, top), bottom + LEAST)
                yield f"M{place * PLACE + gap:g} {HEIGHT - bottom}V{HEIGHT - upper}h{width}V{HEIGHT - bottom}z"

    return "".join(each())


def line(values: Sequence[int], top: int) -> str:
    """Return the path of a line through the middles of the places."""
    points = (
        f"{place * PLACE + PLACE // 2} {HEIGHT - round(HEIGHT * value / top)}"
        for place, value in enumerate(values)
    )
    return f"M{'L'.join(points)}" if values else ""


def _labels(chart: Chart) -> SafeString:
    """Render the labels; every second one is left out on narrow screens, if there are many."""
    are_many = len(chart.labels) > 3

    def each() -> Iterator[tuple[str, float, str]]:
        for number_of_label, (place, text) in enumerate(chart.labels):
            x = position(place, chart.places)
            edge = " an-first" if x < EDGE else " an-last" if x > 100 - EDGE else ""
            yield f"{edge}{' an-minor' if are_many and number_of_label % 2 else ''}", x, text

    return format_html_join("", '<text class="an-tick{}" x="{}%" y="100%" dy="16">{}</text>', each())
