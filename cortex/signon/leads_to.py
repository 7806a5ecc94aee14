"""Names the page that a person continues to after signing in."""

from urllib.parse import urlsplit

from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _

LONGEST_PATH = 80


def name_of(address: str) -> str:
    """Returns a page's name in words, or its path if it has none; "" for the home page and for no page at all.

    `address` is one of this site: check it first.
    """
    try:
        path = urlsplit(address).path
    except ValueError:
        return ""
    try:
        view = resolve(path).view_name
    except Resolver404:
        return ""
    names = {
        "home": "",
        "povs": _("POVs"),
        "trrs": _("TRRs"),
        "tracking:devices": _("your devices"),
        "analytics:dashboard": _("the dashboard"),
        "admin:index": _("the admin"),
    }
    return names.get(view, path if len(path) <= LONGEST_PATH else "")
