from django.apps import apps
from django.contrib import admin
from django.urls import include, path

from analytics.admin import register_all

site = admin.site
if apps.is_installed("unfold"):
    from unfold.sites import UnfoldAdminSite

    site = UnfoldAdminSite()
    register_all(site)

urlpatterns = [
    path("admin/analytics/", include("analytics.urls")),
    path("admin/", site.urls),
]
if apps.is_installed("grappelli"):
    urlpatterns.insert(0, path("grappelli/", include("grappelli.urls")))
