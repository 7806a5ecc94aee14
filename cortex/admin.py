from typing import Any

import allauth.account.admin
import allauth.socialaccount.admin  # noqa: F401  (both register the models that we unregister below)
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.http import HttpRequest

from cortex.changelist import StrictLists
from cortex.models import Pov, Trr, User

# Entries here would have no effect: providers are in the settings, and each user's address is in the user.
admin.site.unregister((EmailAddress, SocialAccount, SocialApp, SocialToken))


class UserCreationForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email",)


class UserForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"


@admin.register(User)
class UserAdmin(StrictLists, DjangoUserAdmin):
    form = UserForm
    add_form = UserCreationForm
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "role", "status", "is_staff", "created_at")
    list_filter = ("role", "status", "is_staff", "is_active", "groups")
    search_fields = ("email", "first_name", "last_name", "=legacy_id")
    readonly_fields = ("last_login", "updated_at")
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "joined_on", "legacy_id")}),
        ("Role and status", {"fields": ("role", "status")}),
        ("Permissions", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("created_at", "updated_at", "last_login")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("email", "role", "usable_password", "password1", "password2"),
            },
        ),
    )


@admin.register(Pov)
class PovAdmin(StrictLists):
    list_display = ("title", "customer", "status", "priority", "owner", "deal_value", "currency", "end_date")
    list_filter = ("status", "priority", "currency", "created_at")
    list_select_related = ("owner",)
    search_fields = ("title", "customer", "owner__email", "=legacy_id")
    autocomplete_fields = ("owner",)
    readonly_fields = ("updated_at",)


@admin.register(Trr)
class TrrAdmin(StrictLists):
    list_display = ("title", "pov", "category", "risk_level", "status", "score", "assessor", "due_on")
    list_filter = ("risk_level", "status", "category", "created_at")
    list_select_related = ("pov", "assessor")
    search_fields = ("title", "pov__title", "assessor__email", "=legacy_id")
    autocomplete_fields = ("pov", "assessor")
    readonly_fields = ("updated_at",)


@admin.register(SocialAccount)
class SocialAccountAdmin(StrictLists):
    """Shows and deletes the links between users and their accounts at providers. Only signing in creates a link."""

    list_display = ("user", "provider", "uid", "date_joined", "last_login")
    list_filter = ("provider",)
    list_select_related = ("user",)
    search_fields = ("user__email", "=uid")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
