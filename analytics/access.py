"""Guards pages, JSON and files: by the admin site's own permission, then by the dashboard's."""

import functools
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, get_urlconf, resolve, reverse
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache

from analytics.conf import conf
from analytics.naming import app_label

View = Callable[..., HttpResponseBase]


def permission() -> str:
    return f"{app_label()}.view_dashboard"


def admin_site() -> admin.AdminSite:
    """Return the admin site that decides who is let in: `ANALYTICS["ADMIN_SITE"]`, or the one mounted as `admin:`."""
    if conf.ADMIN_SITE:
        site: admin.AdminSite = import_string(conf.ADMIN_SITE)
        return site
    return _mounted_site(get_urlconf() or settings.ROOT_URLCONF)


@functools.lru_cache(maxsize=32)
def _mounted_site(urlconf: str) -> admin.AdminSite:
    """Find the site by one of its views: Django sets the attribute `admin_site` on each.

    The attribute is undocumented; tests/analytics/suite/suite_second_factor.py breaks first.
    """
    try:
        path = reverse("admin:index", urlconf=urlconf).removeprefix(get_script_prefix())
        view = resolve(f"/{path}", urlconf=urlconf).func
    except (NoReverseMatch, Resolver404):
        view = None
    return getattr(view, "admin_site", admin.site)


def for_viewers(view: View) -> View:
    """Redirect people whom the admin does not let in to its login page; answer 403 without the permission."""

    @login_not_required  # exempt from LoginRequiredMiddleware: this view redirects by itself
    @never_cache
    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        site = admin_site()
        if not site.has_permission(request):
            return redirect_to_login(request.get_full_path(), _login_address(site))
        if not request.user.has_perm(permission()):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


def for_programs(view: View) -> View:
    """Answer programs that are not let in with 401 or 403, and the reason in JSON."""

    @login_not_required  # exempt from LoginRequiredMiddleware: this view answers by itself
    @never_cache
    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return JsonResponse({"error": "Sign in first."}, status=401)
        if not admin_site().has_permission(request):
            return forbidden("The admin does not accept this session. Sign in to the admin first.")
        if not request.user.has_perm(permission()):
            return forbidden(f'This requires the permission "{permission()}".')
        return view(request, *args, **kwargs)

    return guarded


def forbidden(reason: str) -> JsonResponse:
    return JsonResponse({"error": reason}, status=403)


def _login_address(site: admin.AdminSite) -> str:
    try:
        return reverse("admin:login", current_app=site.name)
    except NoReverseMatch:  # no admin is mounted
        return resolve_url(settings.LOGIN_URL)
