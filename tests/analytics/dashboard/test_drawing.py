"""Tests that what is drawn has the heights of its values, for any values."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.dashboard.drawing import HEIGHT, LEAST, PLACE, Chart, drawn, grid, line

BAR = re.compile(r"M([\d.]+) (\d+)V(\d+)h([\d.]+)V(\d+)z")
counts = st.integers(0, 10**15) | st.integers(0, 30)
series = st.lists(st.tuples(counts, counts, counts), min_size=1, max_size=120)


def bars_of(picture: str, name: str) -> dict[int, tuple[float, float]]:
    """Return the bars of a curve as {place: (lower end, upper end)}, as parts of the height."""
    found = re.search(f'<path class="{name}" d="([^"]*)"', picture)
    return {
        int(float(x) // PLACE): (1 - int(bottom) / HEIGHT, 1 - int(top) / HEIGHT)
        for x, bottom, top, _, _ in BAR.findall(found[1] if found else "")
    }


@given(series)
def test_every_bar_ends_where_its_value_is(values: list[tuple[int, int, int]]) -> None:
    successes, failures, previous = (list(column) for column in zip(*values, strict=True))
    chart = Chart(len(values), successes, failures, previous)

    picture = str(drawn(chart).picture)

    top, least = grid(chart.most)[-1], (LEAST + 1) / HEIGHT
    passed, failed = bars_of(picture, "an-ok"), bars_of(picture, "an-failed")
    assert set(passed) == {place for place, value in enumerate(successes) if value}
    assert set(failed) == {place for place, value in enumerate(failures) if value}
    for place, (bottom, end) in passed.items():
        assert bottom == 0
        assert end == pytest.approx(successes[place] / top, abs=least)
    for place, (bottom, end) in failed.items():
        assert bottom == pytest.approx(successes[place] / top, abs=least)
        assert end == pytest.approx((successes[place] + failures[place]) / top, abs=2 * least)
        assert end > bottom


@given(st.lists(counts, min_size=1, max_size=120))
def test_the_line_goes_through_the_value_of_each_place(values: list[int]) -> None:
    top = grid(max(values))[-1]

    points = [tuple(map(int, point.split())) for point in line(values, top)[1:].split("L")]

    assert [x for x, _ in points] == [place * PLACE + PLACE // 2 for place in range(len(values))]
    for (_, y), value in zip(points, values, strict=True):
        assert 1 - y / HEIGHT == pytest.approx(value / top, abs=1 / HEIGHT)


@given(counts)
def test_the_grid_has_round_numbers_up_to_the_largest_value(most: int) -> None:
    numbers = grid(most)

    step = numbers[1]
    assert numbers == [step * place for place in range(len(numbers))]
    assert str(step).rstrip("0") in ("1", "2", "5")
    assert numbers[-1] >= most
    assert numbers[-1] - most < step or most == 0
    assert 2 <= len(numbers) <= 6


def test_an_empty_chart_is_drawn_without_curves() -> None:
    drawing = drawn(Chart(0, (), ()))

    assert drawing.axis == ("1", "0")
    assert "<path" not in drawing.picture


def test_only_zeros_draw_no_bar() -> None:
    assert "<path" not in drawn(Chart(3, (0, 0, 0), (0, 0, 0))).picture


def test_one_place_is_a_bar_in_the_middle_of_the_picture() -> None:
    picture = str(drawn(Chart(1, (7,), (3,), labels=[(0, "Mon")])).picture)

    assert bars_of(picture, "an-ok") == {0: (0, 0.7)}
    assert bars_of(picture, "an-failed") == {0: (pytest.approx(0.7), 1.0)}
    assert 'x="50.0%"' in picture


def test_labels_are_text_and_there_is_no_style() -> None:
    picture = str(drawn(Chart(2, (1, 2), (0, 0), labels=[(0, "<script>"), (1, "b")])).picture)

    assert "&lt;script&gt;" in picture
    assert "style" not in picture
