"""Tests that the apps work under other labels, with prefixed tables, and in an AdminSite of the site's own."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connection
from django.test import Client

from tests.analytics.suite.suite_foreign_site import *  # noqa: F403 (the dashboard's tests, once more)
from tracking.models import LoginEvent, UserSession

OURS = ("login_tracking", "login_analytics", "data_import")


@pytest.fixture
def root(client: Client) -> Client:
    model: Any = get_user_model()
    model.objects.create_superuser("root", password="pw-of-root")
    client.post("/admin/login/", {"username": "root", "password": "pw-of-root"})
    return client


def test_nothing_is_left_to_migrate() -> None:
    call_command("makemigrations", *OURS, check=True, dry_run=True, verbosity=0)
    messages = run_checks()
    assert [message.id for message in messages if message.id != "importer.E002"] == []


def test_every_table_and_index_has_the_prefix(db: None) -> None:
    prefixes = {
        "login_tracking": "site_security_",
        "login_analytics": "site_reports_",
        "data_import": "site_data_",
    }
    for label, prefix in prefixes.items():
        for model in apps.get_app_config(label).get_models():
            assert model._meta.db_table.startswith(prefix), model
            with connection.cursor() as cursor:
                found = connection.introspection.get_constraints(cursor, model._meta.db_table)
            named = {index.name for index in model._meta.indexes}
            assert named <= set(found), model
            assert all(name.startswith(prefix) for name in named), model


def test_permissions_are_those_of_the_label(db: None) -> None:
    assert Permission.objects.filter(
        content_type__app_label="login_tracking", codename="end_usersession"
    ).exists()
    assert Permission.objects.filter(
        content_type__app_label="login_analytics", codename="view_dashboard"
    ).exists()


def test_the_sites_own_admin_shows_lists_and_dashboard(root: Client) -> None:
    index = root.get("/admin/").content.decode()
    assert "Dashboard" in index
    assert "Logins" in index
    for name in ("loginevent", "activitylog", "usersession", "securityalert"):
        page = root.get(f"/admin/login_tracking/{name}/")
        assert page.status_code == 200, name
        assert 'aria-label="Pages"' in page.content.decode(), name


def test_who_may_only_look_at_the_dashboard_needs_no_more(db: None, client: Client) -> None:
    model: Any = get_user_model()
    viewer = model.objects.create_user("viewer", password="pw-of-viewer", is_staff=True)
    client.post("/admin/login/", {"username": "viewer", "password": "pw-of-viewer"})
    assert client.get("/admin/analytics/").status_code == 403

    viewer.user_permissions.add(Permission.objects.get(codename="view_dashboard"))

    assert client.get("/admin/analytics/").status_code == 200


def test_a_session_is_ended_from_the_list(root: Client) -> None:
    session = UserSession.objects.get()

    root.post(
        "/admin/login_tracking/usersession/", {"action": "end_sessions", "_selected_action": str(session.pk)}
    )

    session.refresh_from_db()
    assert session.end_reason == "ended_by_admin"


def test_evidence_is_counted_in_the_prefixed_table(root: Client) -> None:
    root.post("/admin/login/", {"username": "root", "password": "wrong"})
    root.post("/admin/login/", {"username": "root", "password": "wrong"})

    assert LoginEvent.objects.latest("pk").evidence["account_failures"] == 1
