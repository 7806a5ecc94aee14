"""Writes moments, and the codes that tracking stores, such as methods and reasons, in the language of the reader."""

import datetime as dt
from functools import lru_cache
from typing import Any

from django.utils.dates import MONTHS_3
from django.utils.formats import number_format
from django.utils.translation import get_language, gettext, gettext_noop, ngettext

from tracking.countries import country_name

# Codes of tracking's own, with blanks in place of underscores. Other values are the same in every language: names of
# browsers, and methods and reasons that the site chose.
CODES = frozenset(
    (
        gettext_noop("success"),
        gettext_noop("failure"),
        gettext_noop("desktop"),
        gettext_noop("mobile"),
        gettext_noop("tablet"),
        gettext_noop("bot"),
        gettext_noop("other"),
        gettext_noop("(other)"),
        gettext_noop("password"),
        gettext_noop("email"),
        gettext_noop("passkey"),
        gettext_noop("code"),
        gettext_noop("magic link"),
        gettext_noop("api token"),
        gettext_noop("recovery codes"),
        gettext_noop("unknown user"),
        gettext_noop("bad password"),
        gettext_noop("bad credentials"),
        gettext_noop("bad code"),
        gettext_noop("inactive"),
        gettext_noop("locked out"),
        gettext_noop("not staff"),
        gettext_noop("refused"),
        gettext_noop("error"),
        gettext_noop("new country"),
        gettext_noop("new device"),
        gettext_noop("impossible travel"),
    )
)


def text_of(code: str) -> str:
    """Return a stored code for people; "unknown" for an empty one."""
    if not code:
        return gettext("unknown")
    text = code.replace("_", " ")
    return gettext(text) if text in CODES else text


def day_text(day: dt.date) -> str:
    """Return a day as all pages and mails write it: 28 Nov 2026."""
    return f"{day:%d} {_months(get_language())[day.month - 1]} {day.year}"


def moment_text(local: dt.datetime) -> str:
    """Return a moment to the second as it is on the clock of its zone: 28 Nov 2026, 02:02:13."""
    return f"{day_text(local)}, {local:%H:%M:%S}"


@lru_cache(maxsize=64)
def _months(language: str | None) -> tuple[str, ...]:
    return tuple(str(MONTHS_3[month]).capitalize() for month in range(1, 13))


def evidence_text(evidence: Any) -> str:
    """Return the evidence of an alert for people: how many failures in which time, and from which device."""
    facts = evidence if isinstance(evidence, dict) else {}
    parts = []
    if failures := _count(facts, "account_failures"):
        text = ngettext("%(n)s failure of the account", "%(n)s failures of the account", failures)
        parts.append(text % {"n": failures})
    if accounts := _count(facts, "network_accounts"):
        parts.append(
            ngettext(
                "%(n)s other account from the network", "%(n)s other accounts from the network", accounts
            )
            % {"n": accounts}
        )
    if parts and (minutes := _count(facts, "window_minutes")):
        parts.append(ngettext("within %(n)s minute", "within %(n)s minutes", minutes) % {"n": minutes})
    parts += where_texts(facts)
    parts += [str(facts[name]) for name in ("browser", "os") if facts.get(name)]
    parts += [text_of(str(facts[name])) for name in ("device_type", "login_method") if facts.get(name)]
    also = facts.get("also")
    parts += [text_of(str(kind)) for kind in (also if isinstance(also, list) else [])]
    return " · ".join(parts)


def where_texts(facts: dict[str, Any]) -> list[str]:
    """Return the place, or the journey to it: how far in which time, from where and to where."""
    here = place_text(facts)
    if not (km := _count(facts, "km")):
        return [here] if here else []
    minutes = max(1, _count(facts, "seconds") // 60)
    text = ngettext("%(km)s km in %(n)s minute", "%(km)s km in %(n)s minutes", minutes)
    way = text % {
        "km": number_format(km, force_grouping=True),
        "n": number_format(minutes, force_grouping=True),
    }
    return [way, f"{place_text(facts, 'from_')} → {here}"]


def place_text(facts: dict[str, Any], when: str = "") -> str:
    """Return city and country, as far as they are known; `when` is "from_" for those of the login before."""
    country = str(facts.get(f"{when}country") or "")
    return ", ".join(
        filter(None, (str(facts.get(f"{when}city") or ""), country_name(country) if country else ""))
    )


def _count(facts: dict[str, Any], name: str) -> int:
    value = facts.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
