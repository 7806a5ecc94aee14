from django.contrib.auth import authenticate, login
from django.http import HttpRequest, HttpResponse
from django.urls import path
from sesame.views import LoginView as SesameLogin

from tests.tracking.hosts.urls import urlpatterns as site


def log_in(request: HttpRequest) -> HttpResponse:
    user = authenticate(request, **request.POST.dict())
    if user is None:
        return HttpResponse("no", status=403)
    login(request, user)
    return HttpResponse("yes")


urlpatterns = [*site, path("sesame/", SesameLogin.as_view()), path("log-in/", log_in)]
