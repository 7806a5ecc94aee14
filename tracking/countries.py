"""Writes codes of countries as names in the language of the reader, if Babel is installed."""

from functools import lru_cache
from typing import Any

from django.utils.html import format_html
from django.utils.translation import get_language


def country_name(code: str) -> str:
    """Return the country's name in the reader's language; without Babel, or for an unknown code, the code."""
    return _territories(get_language() or "en").get(code, code)


def country_label(code: str) -> str:
    """Return the code for a narrow column, with the name as its title; "" for no country."""
    if not code:
        return ""
    name = country_name(code)
    return code if name == code else format_html('<abbr title="{}">{}</abbr>', name, code)


@lru_cache(maxsize=32)
def _territories(language: str) -> dict[str, str]:
    try:
        from babel import Locale, UnknownLocaleError
    except ImportError:
        return {}
    for name in (language, language.partition("-")[0], "en"):
        try:
            names: Any = Locale.parse(name, sep="-").territories
        except (UnknownLocaleError, ValueError):
            continue
        return {code: str(text) for code, text in names.items() if len(code) == 2}
    return {}
