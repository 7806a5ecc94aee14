"""The owner's page: include it anywhere, as `path("account/devices/", include("tracking.urls"))`."""

from django.urls import path

from tracking import views

app_name = "tracking"
urlpatterns = [
    path("", views.devices, name="devices"),
    path("end/", views.end_others, name="end_others"),
    path("end/<uuid:session_id>/", views.end, name="end"),
]
