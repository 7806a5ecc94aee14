"""Makes the columns and filters of the admin's lists, which show what matters at 1440 pixels."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from tracking.countries import country_name
from tracking.hashes import shortened
from tracking.words import moment_text, text_of

# The methods of this many newest logins can be chosen; to read all of them would take minutes.
NEWEST = 10_000


def time_column(field: Any) -> Callable[[Any], str]:
    """Return a column for a moment: to the second, in the current time zone."""

    @admin.display(description=field.verbose_name)
    def column(row: Any) -> str:
        moment: dt.datetime | None = getattr(row, field.name)
        return format_html('<span class="nowrap">{}</span>', clock(moment)) if moment else "-"

    column.__name__ = field.name  # of the CSS class
    return column


@admin.display(description=_("user"))
def who(row: Any) -> str:
    """Return the user, or what was entered in place of one. Long names are cut by the style sheet."""
    name = _name(row)
    return format_html('<span class="tracking-name" title="{}">{}</span>', name, name)


@admin.display(description=_("user"))
def who_and_where(row: Any) -> str:
    """Return the user and, below, the address."""
    return format_html("{}<br>{}", who(row), row.ip_address or "")


def _name(row: Any) -> str:
    return str(row.user or shortened(getattr(row, "identifier", "")))


@admin.display(description=_("device"))
def device(row: Any) -> str:
    """Return browser, system and kind of device."""
    return joined(row.browser, row.os, row.device_type)


def delivery_text(delivery: Any) -> str:
    """Return the channel, the state and when it was sent; of one that was not, the attempts and why they failed."""
    parts = [delivery.get_channel_display(), delivery.get_state_display()]
    if delivery.sent_at:
        parts.append(clock(delivery.sent_at))
    elif delivery.attempts:
        tried = ngettext("%(n)s attempt", "%(n)s attempts", delivery.attempts)
        parts += [tried % {"n": delivery.attempts}, delivery.last_error]
    return " · ".join(str(part) for part in parts if part)


@admin.display(description=_("IP address"))
def address_and_country(row: Any) -> str:
    """Return the address and, below, the name of its country: beside it there is no room at 1440 pixels."""
    return format_html("{}<br>{}", row.ip_address or "-", country_name(row.country))


def joined(*codes: str) -> str:
    return " · ".join(text_of(code) for code in codes if code)


def clock(moment: dt.datetime) -> str:
    local = timezone.localtime(moment) if timezone.is_aware(moment) else moment
    return moment_text(local)


class NewestFilter(admin.SimpleListFilter):
    """Offers the values of a column that the newest logins have."""

    column: str
    text: Callable[[str], str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        newest = model_admin.model._default_manager.order_by("-timestamp", "-pk")
        values = set(newest.values_list(self.column, flat=True)[:NEWEST])
        return sorted(((value, self.text(value)) for value in values if value), key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class MethodFilter(NewestFilter):
    title = _("method")
    parameter_name = "login_method__exact"
    column = "login_method"
    text = staticmethod(text_of)


class CountryFilter(NewestFilter):
    title = _("country")
    parameter_name = "country__exact"
    column = "country"
    text = staticmethod(country_name)
