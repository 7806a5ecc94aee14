from django.contrib.auth import alogin, authenticate, get_user_model, login, logout
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from hijack.views import AcquireUserView

from tests.tracking.hosts.urls import urlpatterns as site
from tracking import log_impersonation


def act_as(request: HttpRequest) -> HttpResponse:
    actor = request.user
    if not actor.is_superuser:
        raise PermissionDenied
    user = get_user_model().objects.get(pk=request.POST["user_pk"])
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    log_impersonation(actor, user)
    request.session["actor"] = actor.pk
    return HttpResponse("acting")


def be_oneself(request: HttpRequest) -> HttpResponse:
    user = get_user_model().objects.get(pk=request.user.pk)
    actor = get_user_model().objects.get(pk=request.session["actor"])
    login(request, actor, backend="django.contrib.auth.backends.ModelBackend")
    log_impersonation(actor, user, ended=True)
    return HttpResponse("back")


def failing_act_as(request: HttpRequest) -> HttpResponse:
    act_as(request)
    raise RuntimeError("after the switch")


def rolled_back(request: HttpRequest, name: str) -> HttpResponse:
    view = AcquireUserView.as_view() if name == "hijack" else act_as
    try:
        with transaction.atomic():
            view(request)
            raise RuntimeError("rolled back")
    except RuntimeError:
        return HttpResponse("rolled back")


def sign_in_anew(request: HttpRequest) -> HttpResponse:
    logout(request)
    login(request, authenticate(request, **request.POST.dict()))
    return HttpResponse("signed in")


async def async_act_as(request: HttpRequest) -> HttpResponse:
    user, actor = await get_user_model().objects.aget(pk=request.POST["user_pk"]), await request.auser()
    await alogin(request, user, backend="django.contrib.auth.backends.ModelBackend")
    log_impersonation(actor, user)
    return HttpResponse("acting")


urlpatterns = [
    path("failing-act-as/", failing_act_as),
    path("rolled-back/<name>/", rolled_back),
    path("sign-in-anew/", sign_in_anew),
    path("async-act-as/", async_act_as),
    path("admin/", include("loginas.urls")),  # before the admin's, as its documentation says
    *site,
    path("hijack/", include("hijack.urls")),
    path("act-as/", act_as),
    path("be-oneself/", be_oneself),
]
