r"""Recognises JSON by columns.

A text is JSON if replacing its parts by shorter ones of the same kind leaves one value: strings by `""`, other scalars
by `0`, then arrays and objects by `0`, from the innermost outwards. What matches no part stays. Such a text is read and
written once by Python, where Django does so several times.
"""

import json
import re
from typing import Any

import polars as pl

BLANK = r"[ \t\n\r]*"
# No lone surrogates and no \u0000, which PostgreSQL does not store.
ESCAPE = (
    r"\\(?:[\"\\/bfnrt]|u(?:0(?:[1-9a-fA-F][0-9a-fA-F]{2}|0(?:[1-9a-fA-F][0-9a-fA-F]|0[1-9a-fA-F]))"
    r"|[1-9a-cefA-CEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}"
    r"|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))"
)
STRING = rf'"(?:[^"\\\x00-\x1f]|{ESCAPE})*"'
# Numbers that Python writes with the same digits: PostgreSQL keeps those that it reads, 1.50 as well as 1.5.
NUMBER = r"-?(?:0|[1-9][0-9]{0,8})\.(?:0|[0-9]{0,5}[1-9])|0|-?[1-9][0-9]{0,17}"
SCALAR = f"{NUMBER}|true|false|null"
VALUE = '(?:0|"")'
PAIR = f'""{BLANK}:{BLANK}{VALUE}'


def _listed(part: str) -> str:
    return f"{BLANK}(?:{part}{BLANK}(?:,{BLANK}{part}{BLANK})*)?"


INNERMOST = rf"\[{_listed(VALUE)}\]|\{{{_listed(PAIR)}\}}"
# Deeper documents are read by Python.
DEPTH = 4
# What a field takes for empty, and may refuse.
EMPTY = rf'^{BLANK}(?:null|""|\[{BLANK}\]|\{{{BLANK}\}}){BLANK}$'
EMPTY_VALUES: tuple[Any, ...] = (None, "", [], {})
# Escapes that PostgreSQL does not store, or stores in pairs only.
UNSTORABLE = re.compile(r"\\u(?:0000|d[89a-f])")
WRITER = json.JSONEncoder(allow_nan=False)


def document(text: pl.Expr) -> pl.Expr:
    """Return the documents that PostgreSQL reads as Django saves them; null for what is left to Django."""
    return text.map_batches(_documents, return_dtype=pl.String)


def _documents(texts: pl.Series) -> pl.Series:
    text, proven = pl.col("text"), pl.col("proven")
    frame = texts.alias("text").to_frame().with_columns(proven=pl.when(_is_proven(text)).then(text))
    rest = frame.select(pl.when(proven.is_null()).then(text)).to_series()
    return frame.select(pl.coalesce(proven, pl.lit(_rewritten(rest)))).to_series()


def _is_proven(text: pl.Expr) -> pl.Expr:
    rest = text.str.replace_all(STRING, '""').str.replace_all(SCALAR, "0")
    for _ in range(DEPTH):
        rest = rest.str.replace_all(INNERMOST, "0")
    return rest.str.contains(f"^{BLANK}{VALUE}{BLANK}$") & ~text.str.contains(EMPTY)


def _rewritten(texts: pl.Series) -> pl.Series:
    """Write each distinct text as Django would; null for what it might reject, or PostgreSQL."""
    distinct = texts.drop_nulls().unique()
    rewritten = pl.Series([_through_python(text) for text in distinct.to_list()], dtype=pl.String)
    return texts.replace_strict(distinct, rewritten, default=None, return_dtype=pl.String)


def _through_python(text: str) -> str | None:
    try:
        value = json.loads(text)
        written = WRITER.encode(value)
    except (ValueError, RecursionError):
        return None
    return None if value in EMPTY_VALUES or UNSTORABLE.search(written) else written
