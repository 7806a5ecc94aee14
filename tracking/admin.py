"""Shows the recorded rows in the admin, read-only; sessions can be ended, and alerts handled."""

from textwrap import shorten
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from tracking.capture.client import parse_address
from tracking.capture.record import end_sessions, log_activity
from tracking.columns import (
    CountryFilter,
    MethodFilter,
    address_and_country,
    clock,
    delivery_text,
    device,
    joined,
    time_column,
    who,
    who_and_where,
)
from tracking.hashes import hashed_names
from tracking.keyset import KeysetChangeList
from tracking.models import ActivityLog, AlertDelivery, LoginEvent, SecurityAlert, UserSession, database
from tracking.people import users_named
from tracking.words import evidence_text

# Alerts that are recorded one by one when all of a list are handled at once.
MOST_TOLD = 1_000
COMPARISONS = ("", "exact", "gte", "lt", "isnull", "isempty", "id__exact")


class ReadOnlyAdmin(admin.ModelAdmin):
    change_list_template = "tracking/change_list.html"
    keyset = "timestamp"
    list_per_page = 100
    actions_selection_counter = False
    sortable_by = ()
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # a COUNT for each choice of each filter
    search_help_text = _(
        "A user name, an e-mail address, an IP address, or an identifier that was entered. Whole values only."
    )
    search_fields = ("user",)  # makes Django show the search box; `get_search_results` does the work

    class Media:
        css = {"all": ("tracking/admin.css",)}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return KeysetChangeList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Allow whole values of columns and ranges of time, which is what the lists and the dashboard's links use.

        Django would allow any lookup, including a regular expression that takes minutes for one row.
        """
        column, _, comparison = lookup.partition("__")
        return column in {f.name for f in self.model._meta.concrete_fields} and comparison in COMPARISONS

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search for whole values, which indexes serve. A search for parts of a text would read the whole table."""
        term = search_term.strip()
        if not term:
            return queryset, False
        columns = {f.name for f in self.model._meta.concrete_fields}
        matches = Q(user__in=users_named(term))
        if "identifier" in columns:
            matches |= Q(identifier__in=[term, *hashed_names(term)])
        if "entity_id" in columns and ":" in term:
            entity_type, _, entity_id = term.partition(":")
            matches |= Q(entity_type=entity_type, entity_id=entity_id)
        if "ip_address" in columns and (address := parse_address(term)):
            matches |= Q(ip_address=str(address))
        return queryset.filter(matches), False


@admin.register(LoginEvent)
class LoginEventAdmin(ReadOnlyAdmin):
    list_display = (
        time_column(LoginEvent._meta.get_field("timestamp")), who, "success", "what", address_and_country, device,
    )  # fmt: skip
    list_filter = ("success", MethodFilter, CountryFilter, "device_type", "timestamp")

    @admin.display(description=_("method"))
    def what(self, event: LoginEvent) -> str:
        """Return the method, and the second factor or why it failed."""
        return joined(event.login_method, event.second_factor, event.failure_reason)


@admin.register(ActivityLog)
class ActivityLogAdmin(ReadOnlyAdmin):
    list_display = (
        time_column(ActivityLog._meta.get_field("timestamp")),
        "user",
        "action",
        "entity_type",
        "entity_id",
    )
    list_filter = ("timestamp",)
    search_help_text = _("A user name, an e-mail address, or type:id of an entity. Whole values only.")


@admin.register(UserSession)
class UserSessionAdmin(ReadOnlyAdmin):
    keyset = "started_at"
    actions_selection_counter = True
    search_help_text = _("A user name, an e-mail address or an IP address. Whole values only.")
    list_display = (
        time_column(UserSession._meta.get_field("started_at")), who_and_where, "acting_as", device,
        time_column(UserSession._meta.get_field("last_seen_at")),
        "ending",
    )  # fmt: skip
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "end_reason", "device_type", "started_at")
    actions = ("end_sessions",)

    @admin.display(description=_("ended"))
    def ending(self, session: UserSession) -> str:
        """Return when it ended and, below, why."""
        if session.ended_at is None:
            return "-"
        return format_html("{}<br>{}", clock(session.ended_at), session.get_end_reason_display())

    def has_end_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.end_usersession")

    @admin.action(description=_("End the selected sessions"), permissions=["end"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[UserSession]) -> None:
        sessions = UserSession.objects.filter(pk__in=queryset.order_by().values("pk"))
        ended = end_sessions(sessions, by=request.user, request=request)
        said = ngettext(
            "Ended %(number)s session. Its next request will be signed out.",
            "Ended %(number)s sessions. Their next requests will be signed out.",
            ended,
        )
        self.message_user(
            request, said % {"number": number_format(ended, force_grouping=True)}, messages.SUCCESS
        )


class AlertForm(forms.ModelForm):
    """Refuses to overwrite what somebody else has written since the form was opened."""

    opened_at = forms.CharField(widget=forms.HiddenInput, required=False, label="")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["opened_at"].initial = self._version

    @property
    def _version(self) -> str:
        return self.instance.handled_at.isoformat() if self.instance.handled_at else ""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("opened_at", "") != self._version:
            raise ValidationError(
                _("Somebody else has changed this alert meanwhile. Reload the page to see it.")
            )
        return cleaned


@admin.register(SecurityAlert)
class SecurityAlertAdmin(ReadOnlyAdmin):
    list_display = (
        time_column(SecurityAlert._meta.get_field("timestamp")), "severity_text", "kind", who_and_where, "what",
        "handling",
    )  # fmt: skip
    list_filter = ("state", "kind", "timestamp")
    form = AlertForm
    actions_selection_counter = True
    actions = ("acknowledge", "resolve", "mute", "reopen", "send_again")
    fields = (
        "state",
        "note",
        "opened_at",
        "timestamp",
        "kind",
        "user",
        "identifier",
        "ip_address",
        "what",
        "sent",
        "handled_by",
        "handled_at",
    )
    readonly_fields = (
        "timestamp",
        "kind",
        "user",
        "identifier",
        "ip_address",
        "what",
        "sent",
        "handled_by",
        "handled_at",
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def save_model(self, request: HttpRequest, obj: SecurityAlert, form: Any, change: bool) -> None:
        if not {"state", "note"} & set(form.changed_data):
            return
        obj.handled_by_id, obj.handled_at = request.user.pk, timezone.now()
        obj.save(update_fields=["state", "note", "handled_by", "handled_at"])
        if "state" in form.changed_data:
            _record_state(request, [obj.pk], obj.state)

    @admin.action(description=_("Acknowledge the selected alerts"), permissions=["change"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[SecurityAlert]) -> None:
        self._move(request, queryset, SecurityAlert.State.ACKNOWLEDGED)

    @admin.action(description=_("Resolve the selected alerts"), permissions=["change"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[SecurityAlert]) -> None:
        self._move(request, queryset, SecurityAlert.State.RESOLVED)

    @admin.action(description=_("Mute the selected alerts"), permissions=["change"])
    def mute(self, request: HttpRequest, queryset: QuerySet[SecurityAlert]) -> None:
        self._move(request, queryset, SecurityAlert.State.MUTED)

    @admin.action(description=_("Reopen the selected alerts"), permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[SecurityAlert]) -> None:
        self._move(request, queryset, SecurityAlert.State.OPEN)

    @admin.action(description=_("Send the selected alerts again"), permissions=["change"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[SecurityAlert]) -> None:
        alerts = queryset.order_by().values("pk")
        number = AlertDelivery.objects.using(database()).filter(alert__in=alerts).send_again()
        said = ngettext(
            "%(number)s message is sent again within a minute.",
            "%(number)s messages are sent again within a minute.",
            number,
        )
        values = {"number": number_format(number, force_grouping=True)}
        self.message_user(request, said % values, messages.SUCCESS)

    def _move(self, request: HttpRequest, queryset: Any, state: str) -> None:
        keys = SecurityAlert.objects.filter(pk__in=queryset.order_by().values("pk")).move(
            state, by=request.user
        )
        _record_state(request, keys, state)
        said = ngettext(
            "%(number)s alert is now: %(state)s.", "%(number)s alerts are now: %(state)s.", len(keys)
        )
        values = {
            "number": number_format(len(keys), force_grouping=True),
            "state": SecurityAlert.State(state).label,
        }
        self.message_user(request, said % values, messages.SUCCESS)

    @admin.display(description=_("severity"))
    def severity_text(self, alert: SecurityAlert) -> str:
        return str(alert.severity.label)

    @admin.display(description=_("state"))
    def handling(self, alert: SecurityAlert) -> str:
        """Return the state, by whom, and the beginning of the note."""
        by = str(alert.handled_by) if alert.handled_by else ""
        return " · ".join(
            filter(None, (alert.get_state_display(), by, shorten(alert.note, 60, placeholder="…")))
        )

    @admin.display(description=_("sent"))
    def sent(self, alert: SecurityAlert) -> str:
        """Return what became of each message about the alert: the channel, the state, and why it failed."""
        lines = ((delivery_text(delivery),) for delivery in alert.deliveries.order_by("pk"))
        return format_html_join("", "<div>{}</div>", lines) or "-"

    @admin.display(description=_("evidence"))
    def what(self, alert: SecurityAlert) -> str:
        return evidence_text(alert.evidence)


def _record_state(request: HttpRequest, keys: list[Any], state: str) -> None:
    """Record each alert as an activity; of more than MOST_TOLD, the rest together as one without an entity."""
    action = f"alert.{state}"
    for key in keys[:MOST_TOLD]:
        entity = (SecurityAlert._meta.label_lower, key)
        log_activity(action, entity, user=request.user, request=request)
    if rest := len(keys[MOST_TOLD:]):
        log_activity(action, metadata={"alerts": rest}, user=request.user, request=request)


def register_all(site: admin.AdminSite) -> None:
    """Add the lists to an AdminSite of your own. Django's `admin.site` has them by itself."""
    for model, model_admin in (
        (LoginEvent, LoginEventAdmin),
        (ActivityLog, ActivityLogAdmin),
        (UserSession, UserSessionAdmin),
        (SecurityAlert, SecurityAlertAdmin),
    ):
        if not site.is_registered(model):
            site.register(model, model_admin)
