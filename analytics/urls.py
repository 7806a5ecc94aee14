"""The dashboard: `path("admin/analytics/", include("analytics.urls"))`, before `admin.site.urls`."""

from django.urls import path

from analytics import views

app_name = "analytics"
urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("panels/", views.panels, name="panels"),
    path("data.json", views.data, name="data"),
    path("feed.json", views.feed, name="feed"),
    path("sessions.json", views.sessions, name="sessions"),
    path("export/<slug:log>.<slug:format>", views.download, name="download"),
    path("users/<str:user_id>/", views.user, name="user"),
    path("sessions/end/", views.end_sessions, name="end_sessions"),
]
