from django.contrib.auth import get_user_model, login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

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


urlpatterns = [
    path("admin/", include("loginas.urls")),  # before the admin's, as its documentation says
    *site,
    path("hijack/", include("hijack.urls")),
    path("act-as/", act_as),
    path("be-oneself/", be_oneself),
]
