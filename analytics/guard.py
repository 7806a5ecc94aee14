"""Who may look: whoever has `analytics.view_dashboard`. The same for pages, JSON and files."""

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache

PERMISSION = "analytics.view_dashboard"
View = Callable[..., HttpResponseBase]


def for_viewers(view: View) -> View:
    """Strangers are led to the login; users without the permission get 403."""

    @login_not_required  # of LoginRequiredMiddleware, where there is one: this says it in its own way
    @never_cache
    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


def for_programs(view: View) -> View:
    """The same, said in a manner that a program understands: 401 and 403, with the reason in JSON."""

    @login_not_required  # of LoginRequiredMiddleware, where there is one: this says it in its own way
    @never_cache
    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return JsonResponse({"error": "Log in first."}, status=401)
        if not request.user.has_perm(PERMISSION):
            return JsonResponse({"error": f"This needs the permission {PERMISSION}."}, status=403)
        return view(request, *args, **kwargs)

    return guarded
