"""Of files whose right answers are known, nine columns in ten are guessed right, and no wrong one hides its doubt."""

from pathlib import Path

import pytest

from tests.importer.suggest.answers import CASES, HELD_OUT, Case
from tests.importer.suggest.grading import Marks, graded

pytestmark = pytest.mark.django_db


def marks_of(cases: list[Case], folder: Path) -> Marks:
    marks = Marks()
    for case in cases:
        graded(case, folder, marks)
    print(f"{len(cases)} files, {marks.columns} answers, {marks.share:.1%} right, {marks.doubts} doubts")
    print("\n".join(marks.wrong))
    return marks


@pytest.mark.parametrize("case", [*CASES, *HELD_OUT], ids=lambda case: case.name)
def test_no_wrong_guess_hides_its_doubt(case: Case, folder: Path) -> None:
    marks = marks_of([case], folder)

    assert marks.silent == []


@pytest.mark.parametrize("cases", [CASES, HELD_OUT], ids=["known", "held out"])
def test_nine_guesses_in_ten_are_right(folder: Path, cases: list[Case]) -> None:
    marks = marks_of(cases, folder)

    assert marks.share >= 0.9
