"""Shows the pages of people who are signed in. Their content is cached; `freshness` invalidates it."""

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from cortex.listings import POVS, TRRS, Listing
from cortex.models import User
from cortex.profile import profile_of


@require_safe
@never_cache
@login_required
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "cortex/home.html", {"title": "Home", "profile": profile_of(_user(request))})


@require_safe
@never_cache
@login_required
def povs(request: HttpRequest) -> HttpResponse:
    return _list(request, POVS)


@require_safe
@never_cache
@login_required
def trrs(request: HttpRequest) -> HttpResponse:
    return _list(request, TRRS)


def _list(request: HttpRequest, listing: Listing) -> HttpResponse:
    status = request.GET.get("status", "")
    if status not in dict(listing.statuses):
        status = ""
    page_text = request.GET.get("page", "")
    is_number = page_text.isascii() and page_text.isdecimal() and len(page_text) < 10
    number = int(page_text) if is_number else 1
    page = listing.page(_user(request), status=status, number=number)
    context: dict[str, Any] = {
        "title": listing.title,
        "listing": listing,
        "page": page,
        "status": status,
        "statuses": [("", "All"), *listing.statuses],
    }
    return render(request, "cortex/list.html", context)


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
