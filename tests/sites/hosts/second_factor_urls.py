from asgiref.sync import sync_to_async
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django_otp import login as otp_login
from django_otp import match_token
from django_otp.admin import OTPAdminSite
from django_otp.views import LoginView
from two_factor.urls import urlpatterns as two_factor

from tests.tracking.hosts.urls import urlpatterns as site


def verify(request: HttpRequest) -> HttpResponse:
    device = match_token(request.user, request.POST["token"])
    otp_login(request, device)
    return HttpResponse("verified")


async def async_verify(request: HttpRequest) -> HttpResponse:
    user = await request.auser()
    device = await sync_to_async(match_token)(user, request.POST["token"])
    await request.session.aset("otp_device_id", device.persistent_id)
    return HttpResponse("verified")


otp_site = OTPAdminSite(name="otpadmin")
otp_site._registry.update(admin.site._registry)

urlpatterns = [
    path("otp-admin/", otp_site.urls),
    path("step-up/", LoginView.as_view(template_name="admin/login.html")),
    path("verify/", verify),
    path("async-verify/", async_verify),
    path("", include(two_factor)),
    *site,
]
