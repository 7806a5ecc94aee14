"""Says of an address whether anybody got in from it."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.panels.addresses import Origin
from analytics.words import number
from tracking.countries import country_name

# So many names from one place are hardly one person who has forgotten a password.
MANY_NAMES = 5
# So many failures are hardly a forgotten password.
MANY_FAILURES = 10


def verdict(origin: Origin) -> tuple[str, str]:
    """Return the level ("quiet", "warning", "bad") and the sentence."""
    if not origin.attempts:
        return "quiet", _("No login came from here.")
    tried = ngettext("%(number)s name was tried", "%(number)s names were tried", origin.names) % {
        "number": number(origin.names)
    }
    is_attack = origin.names >= MANY_NAMES or origin.failures >= MANY_FAILURES
    if not origin.successes:
        text = _("%(tried)s, and none got in.")
        if not origin.is_complete:
            text = _("%(tried)s, and none got in among the newest %(number)s logins.")
        values = {"tried": tried, "number": number(origin.attempts)}
        return "warning" if is_attack else "quiet", text % values
    entered = ngettext("%(number)s login succeeded", "%(number)s logins succeeded", origin.successes) % {
        "number": number(origin.successes)
    }
    is_suspicious = is_attack and origin.failures > origin.successes
    return "bad" if is_suspicious else "quiet", _("%(tried)s; %(entered)s.") % {
        "tried": tried,
        "entered": entered,
    }


def figures_of(origin: Origin) -> list[tuple[str, str]]:
    least = "" if origin.is_complete else "≥ "
    figures = [
        (_("Logins"), least + number(origin.attempts)),
        (_("Failures"), least + number(origin.failures)),
        (_("Names tried"), least + number(origin.names)),
        (_("First seen"), origin.first if origin.is_complete else "—"),
        (_("Last seen"), origin.last),
    ]
    if origin.countries:
        figures.append((_("Country"), ", ".join(map(country_name, origin.countries))))
    return figures
