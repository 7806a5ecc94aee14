"""Checks the settings of analytics."""

import zoneinfo
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.admin import AdminSite
from django.core.checks import CheckMessage, Error, Tags, register
from django.utils.module_loading import import_string

from analytics.conf import KEYS, cache_alias, conf, zone, zone_name


@register(Tags.compatibility)
def check_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    problems: list[CheckMessage] = [
        Error(
            f'ANALYTICS has the unknown key "{key}".',
            hint=f"Valid keys: {', '.join(sorted(KEYS))}.",
            id="analytics.E001",
        )
        for key in sorted(set(getattr(settings, "ANALYTICS", {})) - KEYS)
    ]
    try:
        zone()
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        problems.append(
            Error(
                f'ANALYTICS["TIME_ZONE"] is "{zone_name()}", which is not a time zone.',
                hint='Set it to a name such as "Europe/Berlin", or leave it out to use the site\'s TIME_ZONE.',
                id="analytics.E002",
            )
        )
    if owner := getattr(apps.get_containing_app_config(__name__), "label_owner", ""):
        problems.append(
            Error(
                f'The app label "analytics" is used by "{owner}" as well.',
                hint="Write a subclass of analytics.apps.AnalyticsConfig with another `label`, and put its path into "
                'INSTALLED_APPS in place of "analytics". See docs/in-your-site.md, Names that clash.',
                id="analytics.E005",
            )
        )
    if not apps.is_installed("django.contrib.admin"):
        problems.append(
            Error(
                'The dashboard is a page of the admin, but "django.contrib.admin" is not installed.',
                hint="Install and mount the admin, or take analytics out; tracking works without it.",
                id="analytics.E006",
            )
        )
    if cache_alias() not in settings.CACHES:
        problems.append(
            Error(
                f'ANALYTICS["CACHE"] is "{cache_alias()}", which is not an alias of CACHES.',
                hint=f"Set it to one of: {', '.join(settings.CACHES)}.",
                id="analytics.E003",
            )
        )
    if conf.ADMIN_SITE and not isinstance(_imported(conf.ADMIN_SITE), AdminSite):
        problems.append(
            Error(
                f'ANALYTICS["ADMIN_SITE"] is "{conf.ADMIN_SITE}", which is not an AdminSite.',
                hint='Set it to the dotted path of an AdminSite, such as "shop.admin.site", or leave it out.',
                id="analytics.E004",
            )
        )
    return problems


def _imported(path: str) -> Any:
    try:
        return import_string(path)
    except ImportError:
        return None
