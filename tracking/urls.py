"""Addresses of the device page, and of the one behind the link in a mail about a new device.

`path("account/devices/", include("tracking.urls"))`, at any path.
"""

from django.urls import path

from tracking import views

app_name = "tracking"
urlpatterns = [
    path("", views.devices, name="devices"),
    path("end/", views.end_others, name="end_others"),
    path("not-me/<str:token>/", views.not_me, name="not_me"),
    path("end/<uuid:session_id>/", views.end, name="end"),
]
