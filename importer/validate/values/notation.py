"""Rewrites numbers and booleans as people write them into the texts that Django reads: by columns, and one by one."""

import re

import polars as pl
from django.core.exceptions import ValidationError

from importer.records import shown
from importer.specs.notation import Notation


def plain_column(text: pl.Expr, notation: Notation) -> pl.Expr:
    """Return the texts as Django reads them; null for numbers that are not written so."""
    if notation.is_of_booleans:
        is_true, is_false = text.is_in(notation.true), text.is_in(notation.false)
        return pl.when(is_true).then(pl.lit("True")).when(is_false).then(pl.lit("False")).otherwise(text)
    plain = text.str.strip_chars()
    if notation.thousands:
        plain = plain.str.replace_all(notation.thousands_signs, "")
    plain = plain.str.replace(notation.decimal_sign, ".", literal=True)
    return pl.when(text.str.contains(notation.pattern)).then(plain.str.strip_prefix("+"))


def plain_text(text: str, notation: Notation) -> str:
    """Return a text as Django reads it. Raises ValidationError for a number that is not written so."""
    if notation.is_of_booleans:
        return "True" if text in notation.true else "False" if text in notation.false else text
    if not re.match(notation.pattern, text):
        signs = f'"{notation.decimal_sign}" before decimals' + (
            f' and "{notation.thousands}" between thousands' if notation.thousands else ""
        )
        raise ValidationError(
            "“%(value)s” is not a number written with %(signs)s.",
            code="invalid",
            params={"value": shown(text), "signs": signs},
        )
    plain = text.strip()
    if notation.thousands:
        plain = re.sub(notation.thousands_signs, "", plain)
    return plain.replace(notation.decimal_sign, ".", 1).removeprefix("+")
