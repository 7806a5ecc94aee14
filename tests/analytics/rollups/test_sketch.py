import pytest

from analytics.rollups.sketch import EMPTY, estimate, joined, sketch_of


@pytest.mark.parametrize("number", [0, 1, 10, 100])
def test_few_are_counted_nearly_exactly(number: int) -> None:
    assert abs(estimate(sketch_of(range(number))) - number) <= number * 0.04


@pytest.mark.parametrize("number", [1_000, 10_000, 300_000])
def test_many_are_counted_within_three_standard_errors(number: int) -> None:
    assert abs(estimate(sketch_of(range(number))) - number) <= number * 3 * 0.023


def test_the_same_people_on_two_days_are_no_more_people() -> None:
    one, other = sketch_of(range(500)), sketch_of(range(250, 750))

    assert joined([one, one]) == one
    assert joined([one, other]) == sketch_of(range(750))
    assert joined([]) == EMPTY
