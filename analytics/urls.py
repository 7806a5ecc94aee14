"""Addresses of the dashboard.

Include them before `admin.site.urls`: `path("admin/analytics/", include("analytics.urls"))`.

""                         the page
panels/                    its changing parts as HTML, for programs
data.json                  the overview, as `reports.Overview.as_json`
feed.json, sessions.json   the newest events and sessions
export/<log>.<format>      the events of "logins" or "activities" as csv, jsonl or parquet
system/, system/panels/    the page of import jobs and caches, and its changing parts
accounts/?unused=          accounts that were never used ("never") or not for 90 days ("90d"), and
accounts/export.csv        the same as a file
users/<id>/                the page of a user
search/?q=                 leads to a user, an address, a network or an entity (type:id)
entities/<type>/<id>/      what was done to an entity (crm.contact/7)
addresses/<address>/       the page of an address or a network (203.0.113.0/24)
alerts/<id>/               the attack that an alert belongs to
alerts/<id>/handle/        acknowledges, resolves, mutes or reopens an alert (POST)
views/save/, views/delete/ keeps or deletes period and filters under a name (POST)
sessions/end/              ends sessions (POST)

The query of the page, data.json and the exports is `range` (such as 28d) or `from` and `to` (YYYY-MM-DD), and one value
per filter: outcome, method, device, browser, os, reason.
"""

from django.urls import path

from analytics.views import (
    accounts,
    address,
    alert,
    dashboard,
    ending,
    entity,
    files,
    json,
    saved,
    search,
    system,
    user,
)

app_name = "analytics"
urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("panels/", dashboard.panels, name="panels"),
    path("data.json", json.data, name="data"),
    path("feed.json", json.feed, name="feed"),
    path("sessions.json", json.sessions, name="sessions"),
    path("export/<slug:log>.<slug:format>", files.download, name="download"),
    path("system/", system.system, name="system"),
    path("system/panels/", system.panels, name="system_panels"),
    path("accounts/", accounts.accounts, name="accounts"),
    path("accounts/export.csv", accounts.file, name="accounts_file"),
    path("users/<str:user_id>/", user.user, name="user"),
    path("addresses/<path:address>/", address.address, name="address"),
    path("entities/<str:entity_type>/<path:entity_id>/", entity.entity, name="entity"),
    path("alerts/<int:alert_id>/", alert.alert, name="alert"),
    path("alerts/<int:alert_id>/handle/", alert.handle, name="handle_alert"),
    path("views/save/", saved.save, name="save_view"),
    path("views/delete/", saved.delete, name="delete_view"),
    path("search/", search.search, name="search"),
    path("sessions/end/", ending.end_sessions, name="end_sessions"),
]
