"""Tests the page of an alert against the raw events, and what people decide there."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from analytics.dashboard.incident import timeline, told
from analytics.panels.incident import MOST_FAILURES, incident
from cortex.models import User
from tests.analytics.events import login_event
from tracking.hashes import hashed_name
from tracking.models import ActivityLog, LoginEvent, SecurityAlert

pytestmark = pytest.mark.django_db
AT = dt.datetime(2026, 11, 26, 2, 2, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
ADDRESS = "203.0.113.66"


def alert_of(kind: str = "spraying", at: dt.datetime = AT, **values: Any) -> SecurityAlert:
    defaults = {"ip_address": ADDRESS} | values
    return SecurityAlert.objects.create(
        kind=kind, timestamp=at, occasion=str(SecurityAlert.objects.count()), **defaults
    )


def attempt(at: dt.datetime = AT, *, success: bool = False, **values: Any) -> LoginEvent:
    reason = "" if success else "bad_password"
    defaults = {"ip_address": ADDRESS, "identifier": "anna@example.com", "failure_reason": reason}
    event = login_event(at, success=success, **defaults | values)
    event.save()
    return event


def spray(names: int, *, start: dt.datetime = AT - 5 * MINUTE) -> None:
    LoginEvent.objects.bulk_create(
        login_event(
            start + dt.timedelta(seconds=7 * number), success=False, failure_reason="unknown_user",
            identifier=hashed_name(f"name{number}"), ip_address=f"203.0.113.{number % 3 + 1}",
        )
        for number in range(names)
    )  # fmt: skip


def viewing(*rights: str) -> Client:
    user = User.objects.create_user("viewer@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_dashboard", *rights)))
    client = Client()
    client.force_login(user)
    return client


def page_of(client: Client, alert: SecurityAlert) -> str:
    answer = client.get(reverse("analytics:alert", args=[alert.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_figure_of_an_attack_is_that_of_the_raw_events() -> None:
    spray(40)
    attempt(ip_address="198.51.100.1")  # from elsewhere
    attempt(AT - 60 * MINUTE)  # long before
    attempt(failure_reason="error")  # a fault of the site

    found = incident(alert_of())

    raw = LoginEvent.objects.filter(failure_reason="unknown_user")
    assert found.failures == raw.count() == 40
    assert found.names_tried == raw.values("identifier").distinct().count() == 40
    assert found.addresses_tried == raw.values("ip_address").distinct().count() == 3
    assert {row.text: row.failures for row in found.addresses} == {
        "203.0.113.1": 14, "203.0.113.2": 13, "203.0.113.3": 13,
    }  # fmt: skip
    assert found.network == "203.0.113.0/24"
    assert found.entries == ()


def test_the_bars_of_the_time_line_add_up_to_the_events() -> None:
    spray(40)
    attempt(AT, success=True)

    shown = timeline(incident(alert_of()))

    assert shown is not None
    assert shown.places == 6
    assert shown.rows.count("<td>9</td>") + shown.rows.count("<td>8</td>") == 4
    assert shown.step_text == "by minute"


def test_a_login_of_a_name_that_was_tried_is_told_first() -> None:
    anna = User.objects.create_user("anna@example.com")
    bert = User.objects.create_user("bert@example.com")
    spray(5)
    attempt(user_id=anna.pk)
    attempt(AT + MINUTE, success=True, user_id=anna.pk)
    attempt(AT + MINUTE, success=True, user_id=bert.pk, identifier="bert@example.com")
    alert = alert_of()

    found = incident(alert)

    assert [(entry.who, entry.was_tried) for entry in found.entries] == [
        ("anna@example.com", True),
        ("bert@example.com", False),
    ]
    assert (found.names[0].user_id, found.names[0].failures, found.names[0].successes) == (anna.pk, 1, 1)
    level, text = told(found, alert)
    assert level == "bad"
    assert text == (
        "6 failed logins for 6 names from 4 addresses within 5 minutes, from 26 Nov 2026, 01:57:00 on. "
        "Somebody may have got in: 1 login of a name that was tried."
    )


def test_logins_of_others_from_the_network_are_told_apart() -> None:
    spray(3)
    attempt(success=True)

    level, text = told(incident(alert := alert_of()), alert)

    assert level == "warning"
    assert text.endswith("No name that was tried got in; 1 other login succeeded from there at that time.")


def test_alerts_whose_windows_touch_are_one_attack() -> None:
    first = alert_of(at=AT)
    second = alert_of(at=AT + 25 * MINUTE, ip_address="203.0.113.1")
    alert_of(at=AT + 26 * MINUTE, ip_address="198.51.100.1")
    third = alert_of("failure_burst", at=AT + 50 * MINUTE, identifier="anna@example.com")
    alert_of(at=AT + 90 * MINUTE)

    assert [alert.pk for alert in incident(second).alerts] == [first.pk, second.pk, third.pk]


def test_an_attack_on_one_account_is_not_mixed_with_its_network() -> None:
    anna = User.objects.create_user("anna@example.com")
    for number in range(12):
        attempt(AT - number * MINUTE, user_id=anna.pk, ip_address=f"198.51.100.{number}")
    attempt(identifier="bert@example.com")
    attempt(success=True, identifier="bert@example.com")
    attempt(AT + MINUTE, success=True, user_id=anna.pk, ip_address="192.0.2.7")

    found = incident(alert_of("failure_burst", user_id=anna.pk, identifier="anna@example.com"))

    assert (found.failures, found.names_tried, found.addresses_tried) == (12, 1, 12)
    assert [(entry.ip_address, entry.was_tried) for entry in found.entries] == [("192.0.2.7", True)]
    assert found.network == ""


def test_counting_stops_and_says_so() -> None:
    spray(3)
    LoginEvent.objects.bulk_create(
        login_event(AT, success=False, identifier="anna@example.com", ip_address=ADDRESS)
        for _ in range(MOST_FAILURES)
    )

    found = incident(alert := alert_of())

    assert not found.is_complete
    assert told(found, alert)[1].startswith("≥ 10,000 failed logins for ≥ ")


def test_hostile_names_are_text(admin_client: Client) -> None:
    attempt(identifier="<script>alert(1)</script>")
    page = page_of(admin_client, alert_of(evidence={"browser": "<img src=x>"}, note="</textarea><script>"))

    assert "<script>alert(1)" not in page
    assert "<img src=x>" not in page
    assert "</textarea><script>" not in page


def test_without_logins_the_alert_itself_is_told(admin_client: Client) -> None:
    page = page_of(
        admin_client, alert_of("new_device", identifier="anna@example.com", evidence=["no", "object"])
    )

    assert "signed in from 203.0.113.66 with a new device" in page
    assert 'class="an-chart"' not in page


def test_only_the_evidence_is_shown_without_the_right_to_see_logins() -> None:
    spray(3)
    attempt(success=True)

    page = page_of(viewing("view_securityalert"), alert_of(evidence={"network_accounts": 19}))

    assert "19 other accounts from the network" in page
    assert "Names tried" not in page
    assert "succeeded" not in page
    assert "hmac:" not in page


@pytest.mark.parametrize("right", ["view_loginevent", "view_activitylog"])
def test_an_alert_takes_the_right_to_see_alerts(right: str) -> None:
    alert = alert_of()

    assert viewing(right).get(reverse("analytics:alert", args=[alert.pk])).status_code == 403


def test_an_alert_that_is_not_there_is_not_found(admin_client: Client) -> None:
    assert admin_client.get(reverse("analytics:alert", args=[0])).status_code == 404
    assert admin_client.get(f"/admin/analytics/alerts/{10**30}/").status_code == 404


def handled(client: Client, alert: SecurityAlert, **form: str) -> Any:
    return client.post(reverse("analytics:handle_alert", args=[alert.pk]), {"opened_at": ""} | form)


def test_what_was_decided_is_written_and_recorded(admin_client: Client) -> None:
    alert = alert_of()

    answer = handled(admin_client, alert, state="resolved", note="Our own scanner.\0")

    assert answer.status_code == 302
    alert.refresh_from_db()
    assert (alert.state, alert.note) == ("resolved", "Our own scanner.")
    assert alert.handled_by is not None
    recorded = ActivityLog.objects.get(action="alert.resolved")
    assert (recorded.entity_type, recorded.entity_id) == ("tracking.securityalert", str(alert.pk))
    page = page_of(admin_client, alert)
    assert "Our own scanner." in page
    assert "alert resolved" in page


def test_a_note_alone_changes_no_state_and_is_no_activity(admin_client: Client) -> None:
    alert = alert_of()

    handled(admin_client, alert, state="open", note="Looking at it")

    alert.refresh_from_db()
    assert (alert.state, alert.note) == ("open", "Looking at it")
    assert not ActivityLog.objects.filter(action__startswith="alert.").exists()


@pytest.mark.parametrize("opened_at", ["", "rubbish", "2026-11-26T02:02:00+00:00"])
def test_what_somebody_else_decided_is_not_overwritten(admin_client: Client, opened_at: str) -> None:
    alert = alert_of(state="muted", note="theirs", handled_at=AT + MINUTE)

    answer = handled(admin_client, alert, state="resolved", note="mine", opened_at=opened_at)

    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Somebody else has changed this alert meanwhile." in page
    assert ">mine</textarea>" in page
    assert "<b>Muted</b>" in page
    alert.refresh_from_db()
    assert (alert.state, alert.note) == ("muted", "theirs")


def test_handling_takes_the_right_to_change_alerts() -> None:
    client, alert = viewing("view_securityalert"), alert_of()

    assert handled(client, alert, state="resolved").status_code == 403
    assert "<textarea" not in page_of(client, alert)
    alert.refresh_from_db()
    assert alert.state == "open"


def test_an_invented_state_is_not_found(admin_client: Client) -> None:
    assert handled(admin_client, alert_of(), state="invented").status_code == 404


def alerts_part(page: str) -> str:
    return page.split('<ul class="an-alerts">')[1].split("</ul>")[0]


def test_each_alert_of_an_attack_says_whom_it_is_about(admin_client: Client) -> None:
    ann, ben = (User.objects.create_user(f"{name}@example.com") for name in ("ann", "ben"))
    spraying = alert_of()
    for user in (ann, ben):
        alert_of("success_after_burst", AT + MINUTE, user=user, identifier=user.email)
    alert_of("failure_burst", AT + MINUTE, identifier="nobody@example.com")

    listed = alerts_part(page_of(admin_client, spraying))

    for user in (ann, ben):
        assert f'<a href="{reverse("analytics:user", args=[user.pk])}">{user.email}</a>' in listed
    address = reverse("analytics:address", args=[ADDRESS])
    assert f'<a href="{address}">{ADDRESS}</a>' in listed
    assert f'<a href="{address}">nobody@example.com</a>' in listed


def test_whom_alerts_are_about_is_no_link_without_the_rights() -> None:
    ann = User.objects.create_user("ann@example.com")
    spraying = alert_of()
    alert_of("success_after_burst", AT + MINUTE, user=ann, identifier=ann.email)

    listed = alerts_part(page_of(viewing("view_securityalert"), spraying))

    assert f"</b> {ADDRESS} ·" in listed
    assert "/addresses/" not in listed
