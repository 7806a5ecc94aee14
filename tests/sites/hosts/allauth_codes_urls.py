from django.urls import include, path

from tests.tracking.hosts.urls import urlpatterns as site

urlpatterns = [*site, path("_allauth/", include("allauth.headless.urls"))]
