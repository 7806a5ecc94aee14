"""Shows the pages of people who are signed in. Lists and the home page are cached; `freshness` invalidates them."""

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from cortex.models import Pov, Trr, User
from cortex.pages.alerts import grave_alerts_for
from cortex.pages.listings import POVS, TRRS, Listing
from cortex.pages.profile import profile_of
from cortex.pages.table import table_of
from cortex.pages.work import work_of

MOST_TRRS = 100  # of one POV; a risk review has a dozen


@require_safe
@never_cache
@login_required
def home(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    context = {"profile": profile_of(user), "alerts": grave_alerts_for(request), **work_of(user)}
    return render(request, "cortex/home.html", context)


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


@require_safe
@never_cache
@login_required
def pov(request: HttpRequest, pk: int) -> HttpResponse:
    user = _user(request)
    record = get_object_or_404(Pov.objects.visible_to(user).select_related("owner"), pk=pk)
    reviews = Trr.objects.visible_to(user).filter(pov=record).select_related("assessor")[:MOST_TRRS]
    context = {"pov": record, "trrs": reviews, "may_edit": _may(user, "change", Pov)}
    return render(request, "cortex/pov.html", context)


@require_safe
@never_cache
@login_required
def trr(request: HttpRequest, pk: int) -> HttpResponse:
    user = _user(request)
    records = Trr.objects.visible_to(user).select_related("pov__owner", "assessor")
    record = get_object_or_404(records, pk=pk)
    # An assessor may see a TRR without seeing its POV.
    sees_pov = record.pov.owner_id == user.pk or user.may_see_all(Pov)
    context = {"trr": record, "sees_pov": sees_pov, "may_edit": _may(user, "change", Trr)}
    return render(request, "cortex/trr.html", context)


def _list(request: HttpRequest, listing: Listing) -> HttpResponse:
    user = _user(request)
    sees_all = user.may_see_all(listing.model)
    asked = listing.asked_by(request.GET, may_see_all=sees_all)
    context: dict[str, Any] = {
        "title": listing.title,
        "listing": listing,
        "asked": asked,
        "sees_all": sees_all,
        "table": table_of(listing, listing.page(user, asked), asked),
        "may_add": _may(user, "add", listing.model),
    }
    return render(request, "cortex/list.html", context)


def _may(user: User, action: str, model: type[Pov] | type[Trr]) -> bool:
    """Whether the user may do it in the admin, which has the forms."""
    return user.is_staff and user.has_perm(f"cortex.{action}_{model._meta.model_name}")


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
