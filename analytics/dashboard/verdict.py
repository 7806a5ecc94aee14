"""Says of an address whether anybody got in from it."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.panels.addresses import Origin
from analytics.words import number

# So many names from one place are hardly one person who has forgotten a password.
MANY_NAMES = 5


def verdict(origin: Origin) -> tuple[str, str]:
    """Return the level ("quiet", "warning", "bad") and the sentence."""
    if not origin.attempts:
        return "quiet", _("No login came from here.")
    tried = ngettext("%(number)s name was tried", "%(number)s names were tried", origin.names) % {
        "number": number(origin.names)
    }
    if not origin.successes:
        level = "warning" if origin.names >= MANY_NAMES else "quiet"
        return level, _("%(tried)s, and none got in.") % {"tried": tried}
    entered = ngettext("%(number)s login succeeded", "%(number)s logins succeeded", origin.successes) % {
        "number": number(origin.successes)
    }
    is_suspicious = origin.names >= MANY_NAMES and origin.failures > origin.successes
    return "bad" if is_suspicious else "quiet", _("%(tried)s; %(entered)s.") % {
        "tried": tried,
        "entered": entered,
    }


def figures_of(origin: Origin) -> list[tuple[str, str]]:
    least = "" if origin.is_complete else "≥ "
    return [
        (_("Logins"), least + number(origin.attempts)),
        (_("Failures"), least + number(origin.failures)),
        (_("Names tried"), least + number(origin.names)),
        (_("First seen"), origin.first if origin.is_complete else "—"),
        (_("Last seen"), origin.last),
    ]
