from django.urls import include, path

from tests.tracking.hosts.urls import urlpatterns as site

urlpatterns = [path("admin/analytics/", include("analytics.urls")), *site]
