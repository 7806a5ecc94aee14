"""Addresses of the dashboard.

Include them before `admin.site.urls`: `path("admin/analytics/", include("analytics.urls"))`.

""                         the page
panels/                    its changing parts as HTML, for programs
data.json                  the overview, as `reports.Overview.as_json`
feed.json, sessions.json   the newest events and sessions
export/<log>.<format>      the events of "logins" or "activities" as csv, jsonl or parquet
users/<id>/                the page of a user
search/?q=                 leads to a user, an address, a network or an entity (type:id)
entities/<type>/<id>/      what was done to an entity (crm.contact/7)
addresses/<address>/       the page of an address or a network (203.0.113.0/24)
sessions/end/              ends sessions (POST)

The query of the page, data.json and the exports is `range` (such as 30d) or `from` and `to` (YYYY-MM-DD), and one value
per filter: outcome, method, device, browser, os, reason.
"""

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
    path("addresses/<path:address>/", views.address, name="address"),
    path("entities/<str:entity_type>/<path:entity_id>/", views.entity, name="entity"),
    path("search/", views.search, name="search"),
    path("sessions/end/", views.end_sessions, name="end_sessions"),
]
