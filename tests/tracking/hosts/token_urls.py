from django.urls import include, path

from tests.tracking.hosts.urls import urlpatterns as site

urlpatterns = [*site, path("api/", include("knox.urls"))]
