"""Defines a guess: a value, how sure it is, and why."""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

T = TypeVar("T")

# "sure": the sample proves it. "likely": nothing speaks against it. "doubtful": a person must look.
Confidence = Literal["sure", "likely", "doubtful"]


@dataclass(frozen=True, slots=True)
class Alternative(Generic[T]):
    """Another value that is possible, and what speaks for it."""

    value: T
    evidence: str


@dataclass(frozen=True, slots=True)
class Guess(Generic[T]):
    """A value, and one sentence that says why. A doubtful one is shown as a doubt, never taken silently."""

    value: T
    confidence: Confidence
    evidence: str
    alternatives: tuple[Alternative[T], ...] = ()

    @property
    def is_doubtful(self) -> bool:
        return self.confidence == "doubtful"


def given(value: T) -> Guess[T]:
    """Return what somebody has said, which is no guess."""
    return Guess(value, "sure", "as given")


def percent(share: float) -> str:
    """Write a share as people read it; only all of them are 100 %."""
    whole = round(share * 100)
    return f"{min(whole, 99) if share < 1 else 100} %"
