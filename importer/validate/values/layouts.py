"""Rewrites times of strptime formats as ISO by columns, where the format fixes the place of each digit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

# What the directives read in their full width, so that their places are fixed.
DIRECTIVES = {
    "%Y": r"[1-9][0-9]{3}",
    "%y": r"[0-9]{2}",
    "%m": r"(?:0[1-9]|1[0-2])",
    "%d": r"(?:0[1-9]|[12][0-9]|3[01])",
    "%H": r"(?:[01][0-9]|2[0-3])",
    "%M": r"[0-5][0-9]",
    "%S": r"[0-5][0-9]",
    "%f": r"[0-9]{1,6}",
}
WIDTHS = {directive: 4 if directive == "%Y" else 2 for directive in DIRECTIVES}
# Directives that strptime reads without their leading zero too.
PADDED = ("%m", "%d", "%H", "%M", "%S")
SINGLE_DIGIT = r"\b[0-9]\b"
LITERALS = "/-.: T,"
LAST_YEAR_OF_2000 = "68"  # 69 to 99 are years of 1900


@dataclass(frozen=True, slots=True)
class Layout:
    """A format whose directives have fixed places.

    pattern   its texts in full width
    loose     its texts with or without leading zeros; None if no separators tell where a directive ends
    places    where each directive begins
    literals  what stands before, between and behind the directives
    """

    pattern: str
    loose: str | None
    places: dict[str, int]
    literals: tuple[str, ...]

    @property
    def marks(self) -> str:
        return "".join(self.literals).replace(" ", "")

    @property
    def is_separated(self) -> bool:
        return all(self.literals[1:-1])

    def comes_after(self, other: "Layout") -> bool:
        """Whether a text of this layout is one of the other, in the eyes of strptime, only if its pattern says so.

        That is the case if the two have different separators, or the same, each between two directives.
        """
        return self.marks != other.marks or (self.literals == other.literals and other.is_separated)


def layouts_of(formats: Sequence[str]) -> list[Layout]:
    """Return the layouts of the first formats: as many as can be read by position, one after the other."""
    layouts: list[Layout] = []
    for format_ in formats:
        layout = layout_of(format_)
        if layout is None or not all(layout.comes_after(other) for other in layouts):
            break
        layouts.append(layout)
    return layouts


def layout_of(format_: str) -> Layout | None:
    """Return the layout of a strptime format; None if its places are not fixed."""
    pieces = re.findall(r"%.|[^%]", format_)
    directives = [piece for piece in pieces if piece in DIRECTIVES]
    if any(piece not in DIRECTIVES and piece not in LITERALS for piece in pieces) or not _is_whole(
        directives
    ):
        return None
    if "%f" in directives and pieces[-1] != "%f":
        return None  # it has no fixed width
    pattern, loose, place = "", "", 0
    places: dict[str, int] = {}
    literals = [""]
    for piece in pieces:
        if piece in DIRECTIVES:
            places[piece] = place
            literals.append("")
        else:
            literals[-1] += piece
        full = DIRECTIVES.get(piece, re.escape(piece))
        pattern += full
        loose += "[0-9]{1,2}" if piece in PADDED else full
        place += WIDTHS.get(piece, 1)
    is_loose = all(literals[1:-1]) and "%f" not in places
    return Layout(f"^{pattern}$", f"^{loose}$" if is_loose else None, places, tuple(literals))


def _is_whole(directives: list[str]) -> bool:
    """Whether the directives are a day, or a day and a time of day, each of them once."""
    clock = [piece for piece in ("%H", "%M", "%S", "%f") if piece in directives]
    year = [piece for piece in ("%Y", "%y") if piece in directives]
    day = [*year, "%m", "%d"]
    is_clock = clock in ([], ["%H", "%M"], ["%H", "%M", "%S"], ["%H", "%M", "%S", "%f"])
    return len(year) == 1 and is_clock and sorted(directives) == sorted([*day, *clock])


def as_iso(raw: pl.Series, layouts: Sequence[Layout], *, with_clock: bool) -> pl.Series:
    """Rewrite texts of the layouts as ISO; null for what is left to strptime."""
    text, padded = pl.col("text"), pl.col("padded")
    frame = raw.alias("text").to_frame()
    full = [(text.str.contains(layout.pattern), _iso(layout, text, with_clock)) for layout in layouts]
    rewritten = frame.select(_first(full)).to_series()
    separated = [layout for layout in layouts if layout.loose]
    if rewritten.null_count() == raw.null_count() or not separated:
        return rewritten
    frame = frame.with_columns(padded=text.str.replace_all(SINGLE_DIGIT, "0${0}"), rewritten=rewritten)
    loose = [
        (
            text.str.contains(str(layout.loose)) & padded.str.contains(layout.pattern),
            _iso(layout, padded, with_clock),
        )
        for layout in separated
    ]
    return frame.select(pl.coalesce("rewritten", _first(loose))).to_series()


def _first(readings: list[tuple[pl.Expr, pl.Expr]]) -> pl.Expr:
    """Return what the first condition that holds leads to, or null."""
    return pl.coalesce(pl.when(condition).then(iso) for condition, iso in readings)


def _iso(layout: Layout, text: pl.Expr, with_clock: bool) -> pl.Expr:
    def part(directive: str, *, or_: str = "") -> pl.Expr:
        place = layout.places.get(directive)
        if place is None:
            return pl.lit(or_)
        return text.str.slice(place, None if directive == "%f" else WIDTHS[directive])

    pieces = [part("%Y"), part("%y"), pl.lit("-"), part("%m"), pl.lit("-"), part("%d")]
    if "%y" in layout.places:
        pieces[0] = pl.when(part("%y") <= LAST_YEAR_OF_2000).then(pl.lit("20")).otherwise(pl.lit("19"))
    if with_clock:
        pieces += [pl.lit(" "), part("%H", or_="00"), pl.lit(":"), part("%M", or_="00"), pl.lit(":")]
        pieces += [part("%S", or_="00"), pl.lit("." if "%f" in layout.places else ""), part("%f")]
    return pl.concat_str(pieces)
