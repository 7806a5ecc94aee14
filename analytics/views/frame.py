"""What all pages have in common: the admin's frame around them, and the session that looks at them."""

import uuid
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from analytics import conf
from analytics.access import admin_site
from analytics.period import PRESETS
from tracking.sessions.identity import session_id_of

TIMELINE_ROWS = 50


def frame_of(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the admin's own templates.

    Django would list all apps for its side menu, which costs more than the dashboard. Here they are listed if a theme's
    template asks for them, as jazzmin's does. A site with a context of its own, such as unfold's, is asked for it.
    """
    site = admin_site()
    if type(site).each_context is AdminSite.each_context:
        admins = {
            "site_title": site.site_title,
            "site_header": site.site_header,
            "site_url": site.site_url,
            "has_permission": site.has_permission(request),
            "available_apps": SimpleLazyObject(lambda: site.get_app_list(request)),
            "is_nav_sidebar_enabled": False,
            "is_popup": False,
        }
    else:
        admins = site.each_context(request)
    return admins | {
        "title": _("Analytics"),
        "presets": PRESETS,
        "refresh_seconds": str(conf.conf.REFRESH_SECONDS),
        "zone_name": conf.zone_label(),
    }


def present_session(request: HttpRequest) -> uuid.UUID | None:
    return session_id_of(request.session)
