from django.contrib import admin
from django.urls import include, path
from django_otp.admin import OTPAdminSite

site = OTPAdminSite()
site._registry.update(admin.site._registry)

urlpatterns = [
    path("admin/analytics/", include("analytics.urls")),
    path("admin/", site.urls),
]
