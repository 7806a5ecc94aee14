from django.contrib import admin
from django.urls import include, path

from analytics.admin import register_all

office = admin.AdminSite(name="office")
register_all(office)

urlpatterns = [
    path("admin/analytics/", include("analytics.urls")),
    path("admin/", office.urls),
]
