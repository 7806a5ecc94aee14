"""Tests the admin lists: no COUNT, pages by key, read-only, and an action that ends sessions."""

import datetime as dt
import sys
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from tracking.countries import _territories, country_label, country_name
from tracking.models import ActivityLog, LoginEvent, SecurityAlert, UserSession

pytestmark = pytest.mark.django_db

PAGES = ["loginevent", "activitylog", "usersession", "securityalert"]


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root@example.com", "x"))
    return client


def fill(number: int) -> None:
    """Write rows, several of them at the same moment."""
    now = timezone.now()
    LoginEvent.objects.bulk_create(
        LoginEvent(
            success=n % 2 == 0, identifier=f"n{n}@example.com", timestamp=now - dt.timedelta(minutes=n // 7)
        )
        for n in range(number)
    )


def test_pages_show_each_row_once_in_both_directions(admin: Client) -> None:
    fill(250)
    expected = list(LoginEvent.objects.order_by("-timestamp", "-id").values_list("id", flat=True))

    seen: list[int] = []
    query, pages = "", 0
    while True:
        changelist = admin.get(f"/admin/tracking/loginevent/{query}").context["cl"]
        seen += [row.pk for row in changelist.result_list]
        pages += 1
        if not changelist.older_query:
            break
        query = changelist.older_query
    assert seen == expected
    assert pages == 3

    back = admin.get(f"/admin/tracking/loginevent/{changelist.newer_query}").context["cl"]
    assert [row.pk for row in back.result_list] == expected[100:200]


def test_filters_stay_from_page_to_page(admin: Client) -> None:
    fill(250)

    first = admin.get("/admin/tracking/loginevent/?success__exact=0").context["cl"]
    second = admin.get(f"/admin/tracking/loginevent/{first.older_query}").context["cl"]

    assert len(second.result_list) == 25
    assert not any(row.success for row in second.result_list)


@pytest.mark.parametrize("page", PAGES)
def test_no_list_counts_or_sorts_the_table(admin: Client, page: str) -> None:
    fill(120)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert admin.get(f"/admin/tracking/{page}/").status_code == 200

    statements = [query["sql"] for query in queries]
    assert not [sql for sql in statements if "COUNT(" in sql or "OFFSET" in sql or "DISTINCT" in sql]


def test_a_mangled_cursor_leads_back_to_the_list(admin: Client) -> None:
    for cursor in (
        "x",
        "2020-01-01~",
        "~5",
        "2020-01-01T00:00:00+00:00~' OR 1=1",
        "0001-01-01T00:00:00+14:00~1",
        "9999-12-31T23:59:59-14:00~1",
    ):
        answer = admin.get("/admin/tracking/loginevent/", {"before": cursor})
        assert answer.status_code == 302


@pytest.mark.parametrize(
    ("term", "found"), [("n3@example.com", 1), ("n3", 0), ("203.0.113.9", 1), ("Typed-By-A-Stranger", 1)]
)
def test_the_search_is_for_whole_values(admin: Client, term: str, found: int) -> None:
    from tracking.hashes import hashed_name

    fill(10)
    LoginEvent.objects.create(success=False, ip_address="203.0.113.9")
    LoginEvent.objects.create(success=False, identifier=hashed_name("typed-by-a-stranger"))

    changelist = admin.get("/admin/tracking/loginevent/", {"q": term}).context["cl"]

    assert len(changelist.result_list) == found


@pytest.mark.parametrize("model", [LoginEvent, ActivityLog, UserSession, SecurityAlert])
def test_what_was_recorded_cannot_be_changed(admin: Client, model: Any) -> None:
    name = model._meta.model_name
    fields: dict[str, Any] = {
        "loginevent": {"success": True},
        "activitylog": {"action": "x"},
        "usersession": {"expires_at": timezone.now()},
        "securityalert": {"kind": "spraying", "occasion": "x"},
    }[name]
    row = model.objects.create(**fields)

    assert admin.get(f"/admin/tracking/{name}/{row.pk}/change/").status_code == 200
    if model is SecurityAlert:  # of which people may write what they did about it
        admin.post(
            f"/admin/tracking/{name}/{row.pk}/change/", fields | {"ip_address": "10.0.0.1", "state": "open"}
        )
        assert model.objects.values("kind", "ip_address").get() == {"kind": "spraying", "ip_address": None}
    else:
        assert admin.post(f"/admin/tracking/{name}/{row.pk}/change/", {}).status_code == 403
    assert admin.get(f"/admin/tracking/{name}/add/").status_code == 403
    assert admin.get(f"/admin/tracking/{name}/{row.pk}/delete/").status_code == 403


def test_an_administrator_ends_a_session(admin: Client) -> None:
    user = get_user_model().objects.create_user("ann@example.com", "x")
    ann = Client()
    ann.force_login(user)
    session = UserSession.objects.get(user=user)

    admin.post(
        "/admin/tracking/usersession/", {"action": "end_sessions", "_selected_action": [str(session.pk)]}
    )

    session.refresh_from_db()
    assert session.end_reason == "ended_by_admin"


def test_whoever_may_only_look_may_not_end_sessions() -> None:
    user = get_user_model().objects.create_user("looker@example.com", "x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_usersession"))
    client = Client()
    client.force_login(user)
    session = UserSession.objects.get(user=user)

    client.post(
        "/admin/tracking/usersession/", {"action": "end_sessions", "_selected_action": [str(session.pk)]}
    )

    session.refresh_from_db()
    assert session.is_open


STATES = {"acknowledge": "acknowledged", "resolve": "resolved", "mute": "muted", "reopen": "open"}


def alerts(number: int) -> list[SecurityAlert]:
    return [
        SecurityAlert.objects.create(kind="spraying", ip_address="203.0.113.7", occasion=str(n))
        for n in range(number)
    ]


@pytest.mark.parametrize("action", STATES)
def test_alerts_are_moved_and_it_is_recorded_by_whom(admin: Client, action: str) -> None:
    first, second, other = alerts(3)
    if action == "reopen":
        SecurityAlert.objects.update(state="muted")

    answer = admin.post(
        "/admin/tracking/securityalert/",
        {"action": action, "_selected_action": [str(first.pk), str(second.pk)]},
        follow=True,
    )

    for alert in (first, second, other):
        alert.refresh_from_db()
    root = get_user_model().objects.get(email="root@example.com")
    assert (first.state, second.state) == (STATES[action],) * 2
    assert other.state == ("muted" if action == "reopen" else "open")
    assert (first.handled_by, other.handled_by) == (root, None)
    acts = ActivityLog.objects.values_list("action", "user", "entity_type", "entity_id")
    assert set(acts) == {
        (f"alert.{STATES[action]}", root.pk, "tracking.securityalert", str(alert.pk))
        for alert in (first, second)
    }
    assert "2 alerts are now:" in answer.content.decode()


def test_an_alert_that_is_there_already_is_not_moved_again(admin: Client) -> None:
    (alert,) = alerts(1)
    for _ in range(2):
        admin.post(
            "/admin/tracking/securityalert/", {"action": "resolve", "_selected_action": [str(alert.pk)]}
        )

    assert ActivityLog.objects.count() == 1


def test_a_note_and_a_state_are_written_on_the_page_of_an_alert(admin: Client) -> None:
    (alert,) = alerts(1)

    admin.post(
        f"/admin/tracking/securityalert/{alert.pk}/change/",
        {"state": "resolved", "note": "The office's own scanner.", "kind": "new_device"},
    )

    alert.refresh_from_db()
    assert (alert.state, alert.note, alert.kind) == ("resolved", "The office's own scanner.", "spraying")
    assert alert.handled_at is not None
    assert ActivityLog.objects.get().action == "alert.resolved"


def test_what_somebody_else_has_written_meanwhile_is_not_overwritten(admin: Client) -> None:
    (alert,) = alerts(1)
    address = f"/admin/tracking/securityalert/{alert.pk}/change/"
    opened = {"state": "open", "note": "mine", "opened_at": ""}
    admin.post(address, {"state": "resolved", "note": "theirs", "opened_at": ""})

    page = admin.post(address, opened).content.decode()

    assert "Somebody else has changed this alert meanwhile." in page
    alert.refresh_from_db()
    assert (alert.state, alert.note) == ("resolved", "theirs")


def test_a_page_that_is_saved_unchanged_is_not_handled(admin: Client) -> None:
    (alert,) = alerts(1)

    admin.post(f"/admin/tracking/securityalert/{alert.pk}/change/", {"state": "open", "note": ""})

    alert.refresh_from_db()
    assert alert.handled_at is None


def test_the_list_of_alerts_takes_as_many_queries_for_many_people_as_for_one(admin: Client) -> None:
    people = [get_user_model().objects.create_user(f"p{n}@example.com") for n in range(20)]
    counts = []
    for number in (1, 20):
        SecurityAlert.objects.all().delete()
        for alert, person in zip(alerts(number), people, strict=False):
            SecurityAlert.objects.filter(pk=alert.pk).update(handled_by=person, state="acknowledged")
        with CaptureQueriesContext(connection) as queries:
            admin.get("/admin/tracking/securityalert/")
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_whoever_may_only_look_may_not_handle_alerts() -> None:
    viewer = get_user_model().objects.create_user("viewer@example.com", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_securityalert"))
    client = Client()
    client.force_login(viewer)
    (alert,) = alerts(1)

    client.post("/admin/tracking/securityalert/", {"action": "resolve", "_selected_action": [str(alert.pk)]})
    client.post(f"/admin/tracking/securityalert/{alert.pk}/change/", {"state": "resolved", "note": ""})

    alert.refresh_from_db()
    assert alert.state == "open"


def test_the_list_of_logins_shows_the_second_and_filters_by_method(admin: Client) -> None:
    moment = timezone.now().replace(hour=9, minute=8, second=7)
    LoginEvent.objects.bulk_create(
        LoginEvent(
            success=True, timestamp=moment, identifier=method, login_method=method, browser="Lynx", os="Linux"
        )
        for method in ("okta_saml", "email")
    )

    page = admin.get("/admin/tracking/loginevent/").content.decode()
    filtered = admin.get("/admin/tracking/loginevent/?login_method__exact=okta_saml").context["cl"]
    never_seen = admin.get("/admin/tracking/loginevent/?login_method__exact=fax")

    assert f"{timezone.localtime(moment):%d %b %Y, %H:%M:%S}" in page
    assert "Lynx · Linux" in page
    assert 'href="?login_method__exact=okta_saml"' in page
    assert [row.login_method for row in filtered.result_list] == ["okta_saml"]
    assert never_seen.status_code == 200
    assert not never_seen.context["cl"].result_list


def test_what_was_entered_as_a_name_is_text(admin: Client) -> None:
    LoginEvent.objects.create(success=False, identifier='"><script>alert(1)</script>')
    SecurityAlert.objects.create(kind="failure_burst", identifier='"><script>alert(1)</script>', occasion="x")

    for page in ("loginevent", "securityalert"):
        assert "<script>alert" not in admin.get(f"/admin/tracking/{page}/").content.decode()


def test_the_list_of_sessions_says_when_and_why_one_ended(admin: Client) -> None:
    now = timezone.now()
    UserSession.objects.create(
        user=get_user_model().objects.create_user("ann@example.com"), expires_at=now, ended_at=now,
        end_reason="ended_by_admin",
    )  # fmt: skip

    page = admin.get("/admin/tracking/usersession/").content.decode()

    assert f"{timezone.localtime(now):%d %b %Y, %H:%M:%S}<br>Ended by an administrator" in page


def test_of_very_many_alerts_at_once_few_are_recorded_one_by_one(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracking.admin.MOST_TOLD", 2)
    keys = [str(alert.pk) for alert in alerts(5)]

    admin.post("/admin/tracking/securityalert/", {"action": "resolve", "_selected_action": keys})

    recorded = ActivityLog.objects.order_by("pk")
    assert [row.entity_type != "" for row in recorded] == [True, True, False]
    assert recorded[2].metadata["alerts"] == 3


def test_the_list_of_logins_shows_the_country_and_filters_by_it(admin: Client) -> None:
    LoginEvent.objects.bulk_create(
        LoginEvent(success=True, identifier=f"n{n}", country=country, ip_address="198.51.100.7")
        for n, country in enumerate(("DE", "NG", "", "ZZ"))
    )

    page = admin.get("/admin/tracking/loginevent/").content.decode()
    filtered = admin.get("/admin/tracking/loginevent/?country__exact=NG")

    assert "198.51.100.7<br>Germany" in page
    assert page.index("?country__exact=DE") < page.index("?country__exact=NG")
    assert [row.country for row in filtered.context["cl"].result_list] == ["NG"]


def test_countries_are_named_in_the_language_of_the_reader() -> None:
    with override("es"):
        assert country_name("DE") == "Alemania"
    with override("zh-hans"):
        assert country_name("DE") == "德国"
    with override("tlh"):
        assert country_name("DE") == "Germany"


def test_without_babel_countries_are_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "babel", None)
    _territories.cache_clear()

    assert country_name("DE") == country_label("DE") == "DE"
    assert country_label("") == ""

    _territories.cache_clear()
