"""Tests the dashboard as people use it."""

import datetime as dt
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.test import override_settings
from django.utils import timezone

from analytics.rollups.refresh import refresh
from cortex.models import User
from importer.models import DataImportJob
from tests.analytics.browser.conftest import Visitor
from tests.analytics.events import any_login, login_event, write_activities
from tests.cortex.axe import violations
from tracking.models import LoginEvent, SecurityAlert, UserSession

PANELS = re.compile("/analytics/panels/")
Visit = Callable[..., Visitor]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]


@pytest.fixture
def month(admin: User) -> None:
    """Write a month with more logins by day than by night, fewer at weekends, and an attack in one night."""
    randomness = random.Random(7)
    now = timezone.now()
    events = []
    while len(events) < 1_500:
        moment = now - dt.timedelta(days=29 * randomness.random())
        moment = moment.replace(hour=min(23, max(0, int(randomness.gauss(13, 3.5)))))
        if moment < now and (moment.weekday() < 5 or randomness.random() < 0.2):
            event = any_login(randomness, moment, 0, user_id=None)
            event.identifier = f"somebody{randomness.randrange(40)}@example.com"
            events.append(event)
    night = (now - dt.timedelta(days=6)).replace(hour=2, minute=10)
    events += [
        login_event(
            night + dt.timedelta(seconds=5 * number), success=False, failure_reason="unknown_user",
            identifier=f"guess{number}@example.com", ip_address="203.0.113.66", device_type="bot", browser="", os="",
        )
        for number in range(60)
    ]  # fmt: skip
    LoginEvent.objects.bulk_create(sorted(events, key=lambda event: event.timestamp))
    write_activities(300, start=now - dt.timedelta(days=29), days=29)
    refresh()


@override_settings(ANALYTICS={"REFRESH_SECONDS": 1})
def test_a_login_appears_in_the_open_dashboard_by_itself(visit: Visit, admin: User, colleague: User) -> None:
    watching, other = visit(), visit()
    page = watching.log_in(admin)
    page.wait_for_selector('[data-part="feed"] >> text=admin@example.com')

    other.log_in(colleague, "/admin/")

    page.wait_for_selector('[data-part="feed"] tr.an-new >> text=colleague@example.com')
    page.wait_for_selector('[data-part="sessions"] >> text=colleague@example.com')
    assert page.inner_text('[data-card="logins"] .an-value') == "2"


@override_settings(ANALYTICS={"REFRESH_SECONDS": 1})
def test_a_paused_dashboard_stays_as_it_is(visit: Visit, admin: User) -> None:
    page = visit().log_in(admin)
    page.click("#an-pause")
    LoginEvent.objects.bulk_create([login_event(timezone.now(), identifier="late@example.com")])
    page.wait_for_timeout(1_800)
    assert "late@example.com" not in page.inner_text('[data-part="feed"]')

    page.click("#an-pause")

    page.wait_for_selector('[data-part="feed"] >> text=late@example.com')


@override_settings(ANALYTICS={"REFRESH_SECONDS": 1})
def test_without_news_the_clock_goes_on_and_nothing_is_sent(visit: Visit, admin: User, month: None) -> None:
    page = visit().log_in(admin)
    with page.expect_response(
        lambda answer: "/panels/" in answer.url and answer.status == 304, timeout=20_000
    ):
        pass
    before = page.inner_text("#an-state")

    page.wait_for_function("before => document.getElementById('an-state').textContent !== before", arg=before)

    assert page.inner_text("#an-state").startswith("as of ")


@pytest.mark.parametrize("width", [1440, 390])
def test_an_address_leads_to_its_page_and_to_its_network(visit: Visit, admin: User, width: int) -> None:
    LoginEvent.objects.bulk_create(
        login_event(timezone.now(), ip_address=f"203.0.113.{n % 3 + 1}", identifier=f"n{n}", success=False)
        for n in range(9)
    )
    page = visit(viewport={"width": width, "height": 900}).log_in(admin)

    page.click('[data-part="feed"] >> text=203.0.113.1')
    page.wait_for_url("**/addresses/203.0.113.1/")
    assert "3 names were tried, and none got in." in page.inner_text(".an-headline")
    page.click("text=Whole network 203.0.113.0/24")

    page.wait_for_url("**/addresses/203.0.113.0/24/")
    assert "9 names were tried, and none got in." in page.inner_text(".an-headline")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_breakdowns_filter_and_back_takes_it_back(visit: Visit, admin: User, month: None) -> None:
    page = visit().log_in(admin)
    everything = page.inner_text('[data-card="logins"] .an-value')

    page.click(".an-key >> text=Failures")
    page.wait_for_selector(".an-chips >> text=failure")
    failures = page.inner_text('[data-card="logins"] .an-value')
    page.click('[data-part="browser"] >> text=Chrome')
    page.wait_for_selector(".an-chips >> text=Chrome")

    assert "outcome=failure" in page.url
    assert "browser=Chrome" in page.url
    assert 0 < number(page) < int(failures.replace(",", "")) < int(everything.replace(",", ""))
    assert page.locator('[data-part="hours"] .an-empty').count() == 1

    page.go_back()
    page.wait_for_selector(".an-chips >> text=Chrome", state="detached")
    assert page.inner_text('[data-card="logins"] .an-value') == failures
    page.click("text=Clear all")
    page.wait_for_selector(".an-chips", state="detached")
    assert page.inner_text('[data-card="logins"] .an-value') == everything


def number(page: Any) -> int:
    return int(page.inner_text('[data-card="logins"] .an-value').replace(",", ""))


def test_a_figure_leads_to_the_events_it_counts(visit: Visit, admin: User, month: None) -> None:
    page = visit().log_in(admin)
    page.click('[data-part="reason"] >> text=unknown user')
    page.wait_for_selector(".an-chips >> text=unknown user")
    expected = number(page)

    page.click('[data-part="device"] tr:has-text("bot") .an-drill a')

    page.wait_for_url("**/admin/tracking/loginevent/**")
    rows = page.locator("#result_list tbody tr")
    assert 60 <= rows.count() <= expected
    assert "guess59@example.com" in page.inner_text("#result_list")
    assert page.locator('#result_list img[alt="True"]').count() == 0


def test_a_name_leads_to_what_its_user_did(visit: Visit, admin: User) -> None:
    page = visit().log_in(admin)

    page.click('[data-part="feed"] >> text=admin@example.com')

    page.wait_for_url("**/admin/analytics/users/*/")
    assert page.inner_text("h1") == "admin@example.com"
    assert "logged in" in page.inner_text(".an-events >> nth=1")


def test_a_session_that_is_ended_is_over(visit: Visit, admin: User, colleague: User) -> None:
    other = visit()
    other.log_in(colleague, "/admin/")
    other.page.wait_for_selector("#user-tools")
    page = visit().log_in(admin)

    page.click('[data-part="sessions"] tr:has-text("colleague@example.com") >> text=End')

    page.wait_for_selector(".messagelist >> text=Ended 1 session.")
    assert UserSession.objects.get(user=colleague).end_reason == "ended_by_admin"
    other.page.reload()
    other.page.wait_for_selector("input[autocomplete=current-password]")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_what_is_shown_can_be_taken_away_as_a_file(visit: Visit, admin: User, month: None, kind: str) -> None:
    page = visit().log_in(admin, "/admin/analytics/?range=30d&outcome=failure")
    expected = number(page)

    page.click("text=Export")
    with page.expect_download() as waiting:
        page.click(f"text=Logins · {kind}")

    path = Path(waiting.value.path())
    assert waiting.value.suggested_filename.endswith(f".{kind}")
    if kind == "parquet":
        import polars as pl

        assert pl.read_parquet(path).height == expected
    else:
        assert len(path.read_text().splitlines()) == expected + (kind == "csv")


def test_a_day_of_ones_own_choice(visit: Visit, admin: User, month: None) -> None:
    page = visit().log_in(admin)
    day = (timezone.now() - dt.timedelta(days=6)).date().isoformat()

    page.fill('[name="from"]', day)
    page.fill('[name="to"]', day)
    page.click("text=Show")

    page.wait_for_selector("text=by 15 minutes")
    assert f"from={day}" in page.url
    assert number(page) >= 60


def test_it_can_be_used_with_the_keyboard_alone(visit: Visit, admin: User, month: None) -> None:
    page = visit().log_in(admin)
    page.focus(".an-presets a >> nth=1")
    page.keyboard.press("Enter")
    page.wait_for_selector(".an-presets a[aria-current] >> text=7 days")

    page.focus('[value="logins"]')
    page.keyboard.press("ArrowRight")
    shade = 'getComputedStyle(document.querySelector(".an-f9")).backgroundColor'
    assert page.is_checked('[value="failures"]')
    assert page.evaluate(shade) == "rgb(214, 69, 69)"

    page.focus('[data-part="series"] summary')
    page.keyboard.press("Enter")
    assert page.is_visible('[data-part="series"] table')


@override_settings(ANALYTICS={"REFRESH_SECONDS": 1})
def test_enter_ends_the_session_that_had_the_focus(visit: Visit, admin: User, colleague: User) -> None:
    later = timezone.now() + dt.timedelta(days=1)
    theirs = UserSession.objects.create(user_id=colleague.pk, expires_at=later)
    page = visit().log_in(admin)
    page.focus(f'[data-session="{theirs.pk}"] button')

    newer = UserSession.objects.create(user_id=admin.pk, expires_at=later)
    page.wait_for_selector(f'[data-session="{newer.pk}"]')
    page.keyboard.press("Enter")
    page.wait_for_selector(".messagelist")

    ended = UserSession.objects.filter(end_reason="ended_by_admin")
    assert [session.pk for session in ended] == [theirs.pk]


@override_settings(ANALYTICS={"REFRESH_SECONDS": 1})
def test_what_is_open_and_focused_stays_so_while_figures_change(
    visit: Visit, admin: User, month: None
) -> None:
    page = visit().log_in(admin)
    page.click('[data-part="series"] summary')
    page.focus('[data-part="method"] a >> nth=0')
    before = number(page)

    LoginEvent.objects.bulk_create([login_event(timezone.now(), identifier="late@example.com")])
    page.wait_for_selector('[data-part="feed"] >> text=late@example.com')

    assert number(page) == before + 1
    assert page.is_visible('[data-part="series"] table')
    assert page.evaluate("document.activeElement.closest('[data-part]').dataset.part") == "method"


def figures_of(page: Any, row: int) -> list[str]:
    """Return the texts of a row of the table below the chart."""
    cells = f"[...document.querySelectorAll('[data-figures] tbody tr')].at({row}).cells"
    texts: list[str] = page.evaluate(f"[...{cells}].map((cell) => cell.textContent)")
    return texts


def box_of_chart(page: Any) -> dict[str, float]:
    page.wait_for_selector(".an-point")
    page.locator('[data-part="series"]').scroll_into_view_if_needed()
    box: dict[str, float] = page.locator(".an-point").bounding_box()
    return box


def test_a_point_of_the_chart_tells_its_figures_and_leads_to_its_day(
    visit: Visit, admin: User, month: None
) -> None:
    page = visit().log_in(admin)
    box = box_of_chart(page)

    page.mouse.move(box["x"] + box["width"] * 7.5 / 28, box["y"] + 50)
    tip = page.inner_text(".an-tip").split("\n")
    page.mouse.down()
    page.mouse.up()

    page.wait_for_selector("text=by 15 minutes")
    day = (timezone.now() - dt.timedelta(days=20)).date()
    assert f"from={day}&to={day}" in page.url
    assert tip[0] == f"{day:%a %d %b}"
    assert tip[1].startswith("Successes ")
    assert number(page) == sum(int(line.split()[-1]) for line in tip[1:3])


def test_dragging_over_the_chart_chooses_the_days(visit: Visit, admin: User, month: None) -> None:
    page = visit().log_in(admin)
    box = box_of_chart(page)

    page.mouse.move(box["x"] + box["width"] * 9.5 / 28, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 5.5 / 28, box["y"] + 80)
    page.mouse.up()

    page.wait_for_selector("text=by hour")
    first, last = ((timezone.now() - dt.timedelta(days=days)).date() for days in (22, 18))
    assert f"from={first}&to={last}" in page.url


@override_settings(ANALYTICS={"REFRESH_SECONDS": 1})
def test_arrows_move_the_point_and_it_stays_while_figures_change(
    visit: Visit, admin: User, month: None
) -> None:
    page = visit().log_in(admin)
    page.wait_for_selector(".an-point").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expected = figures_of(page, 1)

    LoginEvent.objects.bulk_create([login_event(timezone.now(), identifier="late@example.com")])
    page.wait_for_selector('[data-part="feed"] >> text=late@example.com')

    said = page.get_attribute(".an-point", "aria-valuetext")
    assert said.startswith(f"{expected[0]}: Successes {expected[1]}, Failures {expected[2]}")
    assert page.is_visible(".an-tip")
    assert page.evaluate("document.activeElement.className").startswith("an-point")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=by 15 minutes")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_the_page_of_an_alert_fits_and_is_accessible(
    visit: Visit, admin: User, month: None, width: int, scheme: str
) -> None:
    night = (timezone.now() - dt.timedelta(days=6)).replace(hour=2, minute=12)
    alert = SecurityAlert.objects.create(
        kind="spraying", timestamp=night, ip_address="203.0.113.66", occasion="one", evidence={}
    )
    LoginEvent.objects.bulk_create([login_event(night, ip_address="203.0.113.66", identifier="x" * 200)])
    visitor = visit(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = visitor.log_in(admin, f"/admin/analytics/alerts/{alert.pk}/")

    page.wait_for_selector(".an-point")

    assert not visitor.is_too_wide()
    assert violations(page) == []
    page.goto(f"{visitor.base}/admin/analytics/")
    page.wait_for_selector(".an-point")
    assert not visitor.is_too_wide()
    assert violations(page) == []


def test_an_alert_on_the_time_axis_leads_to_its_attack(visit: Visit, admin: User, month: None) -> None:
    night = (timezone.now() - dt.timedelta(days=6)).replace(hour=2, minute=12)
    alert = SecurityAlert.objects.create(
        kind="spraying", timestamp=night, ip_address="203.0.113.66", occasion="one", evidence={}
    )
    caches["analytics"].clear()  # marks of an earlier test's alerts
    page = visit().log_in(admin)

    page.click(".an-strip a")

    page.wait_for_url(f"**/alerts/{alert.pk}/")
    assert page.inner_text(".an-headline").startswith("60 failed logins for 60 names from 1 address")
    page.fill("[name=note]", "<b>our own scanner</b>")
    page.click("text=Resolve")
    page.wait_for_selector(".messagelist")
    alert.refresh_from_db()
    assert (alert.state, alert.note, alert.handled_by) == ("resolved", "<b>our own scanner</b>", admin)
    assert page.input_value("[name=note]") == "<b>our own scanner</b>"


def test_without_scripts_all_figures_are_there(visit: Visit, admin: User, month: None) -> None:
    page = visit(java_script_enabled=False).log_in(admin)

    assert number(page) > 1_000
    page.click('[data-part="device"] >> text=desktop')
    page.wait_for_selector(".an-chips >> text=desktop")
    assert page.locator(".an-picture path.an-ok").bounding_box()["height"] > 50
    assert not page.is_visible(".an-point")
    page.click('[data-part="series"] summary')
    assert page.locator('[data-part="series"] tbody tr').count() == 28


@override_settings(ANALYTICS={"REFRESH_SECONDS": 1})
def test_it_says_so_when_the_site_does_not_answer_or_one_is_logged_out(visit: Visit, admin: User) -> None:
    visitor = visit()
    page = visitor.log_in(admin)
    page.wait_for_selector("#an-state >> text=as of")
    page.route(PANELS, lambda route: route.fulfill(status=500, body="no"))
    page.wait_for_selector("#an-state >> text=does not respond")
    page.unroute(PANELS)
    page.wait_for_selector("#an-state >> text=as of")
    visitor.expect_status(500)

    visitor.context.clear_cookies()

    page.wait_for_selector("#an-state >> text=signed out")
    visitor.expect_status(401)


@override_settings(ANALYTICS={"REFRESH_SECONDS": 1})
def test_an_answer_that_never_comes_is_not_the_last_that_is_asked_for(visit: Visit, admin: User) -> None:
    visitor = visit()
    page = visitor.log_in(admin)
    page.wait_for_selector("#an-state >> text=as of")
    lost: list[Any] = []
    page.route(PANELS, lambda route: lost.append(route))

    page.wait_for_selector("#an-state >> text=does not respond")
    page.unroute(PANELS)

    page.wait_for_selector("#an-state >> text=as of")
    assert lost


def test_an_empty_site_says_what_to_expect(visit: Visit, admin: User) -> None:
    page = visit().log_in(admin, "/admin/analytics/?from=2020-01-01&to=2020-01-31")

    assert page.inner_text('[data-part="series"] .an-empty') == "No logins in this period."
    assert page.inner_text('[data-card="success_rate"] .an-value') == "—"


@pytest.mark.parametrize(
    "address", ["?range=1x", "?from=yesterday", "?from=2026-02-01&to=2026-01-01", "?outcome=maybe"]
)
def test_what_cannot_be_shown_is_explained(visit: Visit, admin: User, address: str) -> None:
    page = visit().log_in(admin, f"/admin/analytics/{address}")

    assert "Showing the default instead." in page.inner_text("[role=alert]")
    assert page.locator("[data-card]").count() == 6


@pytest.mark.parametrize(
    ("width", "scheme"), [(390, "light"), (820, "dark"), (1280, "dark"), (1600, "light")]
)
def test_it_fits_every_screen(visit: Visit, admin: User, month: None, width: int, scheme: str) -> None:
    visitor = visit(viewport={"width": width, "height": 900}, color_scheme=scheme)
    visitor.log_in(admin)
    visitor.page.wait_for_load_state("networkidle")
    visitor.take_picture(f"dashboard-{width}-{scheme}")

    assert not visitor.is_too_wide()
    visitor.page.click('[data-part="feed"] >> text=admin@example.com')
    visitor.page.wait_for_url("**/users/**")
    assert not visitor.is_too_wide()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_view_is_saved_opened_and_deleted(visit: Visit, admin: User, month: None, scripts: bool) -> None:
    page = visit(java_script_enabled=scripts).log_in(admin, "/admin/analytics/?range=7d&device=mobile")
    expected = number(page)

    page.click("text=Saved views")
    page.fill("#an-view-name", "Phones <this week>")
    page.click("text=Save this view")
    page.wait_for_selector(".messagelist")
    page.click(".an-presets a >> nth=2")
    page.wait_for_selector(".an-presets a[aria-current] >> text=28 days")
    page.click("text=Saved views")
    page.click(".an-views >> text=Phones <this week>")
    page.wait_for_selector(".an-presets a[aria-current] >> text=7 days")

    assert number(page) == expected
    page.click("text=Saved views")
    page.click('[aria-label="Delete the view Phones <this week>"]')
    page.wait_for_selector(".messagelist >> text=The view is deleted.")
    assert page.locator(".an-views li").count() == 0


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("days_ago", [0, 6, 27])
def test_an_alert_and_an_import_of_one_day_can_both_be_clicked(
    visit: Visit, admin: User, month: None, days_ago: int, width: int
) -> None:
    at = timezone.now() - dt.timedelta(days=days_ago)
    alert = SecurityAlert.objects.create(kind="success_after_burst", timestamp=at, occasion="one")
    job = DataImportJob.objects.create(
        finished_at=at, spec="cortex.users", source="x.csv", format="csv", status="completed"
    )
    caches["analytics"].clear()  # marks of an earlier test's alerts
    visitor = visit(viewport={"width": width, "height": 900})
    page = visitor.log_in(admin)
    triangle, square = (page.locator(f".an-strip .an-mark-{sort} path") for sort in ("high", "import"))
    first, second = triangle.bounding_box(), square.bounding_box()
    assert first["x"] + first["width"] <= second["x"]
    assert not visitor.is_too_wide()

    triangle.click()  # fails if something else is on top of it
    page.wait_for_url(f"**/alerts/{alert.pk}/")
    page.go_back()
    square.click()

    page.wait_for_url(f"**/dataimportjob/{job.pk}/change/")


@override_settings(ANALYTICS={"REFRESH_SECONDS": 1})
def test_screen_readers_are_told_of_news_and_not_of_the_clock(visit: Visit, admin: User) -> None:
    visitor = visit()
    page = visitor.log_in(admin)
    page.wait_for_selector("#an-state >> text=as of")
    page.evaluate(
        """() => {
            window.told = [];
            const note = () => window.told.push(document.querySelector("#an-page [role=status]").textContent);
            for (const region of document.querySelectorAll("#an-page [role=status], #an-page [aria-live]"))
                new MutationObserver(note).observe(region, { childList: true, characterData: true, subtree: true });
        }"""
    )
    for _ in range(2):
        before = page.inner_text("#an-state")
        page.wait_for_function(
            "before => document.getElementById('an-state').textContent !== before", arg=before
        )
    assert page.evaluate("window.told") == []

    page.route(PANELS, lambda route: route.fulfill(status=500, body="no"))
    page.wait_for_selector("#an-news >> text=does not respond", state="attached")
    page.wait_for_timeout(2_500)  # it is asked again, and fails again
    page.unroute(PANELS)
    page.wait_for_selector("#an-state >> text=as of")
    visitor.expect_status(500)
    page.click("#an-pause")

    page.wait_for_selector("#an-news >> text=paused at", state="attached")
    lost, back, paused = page.evaluate("window.told")
    assert ("does not respond" in lost, back, paused.startswith("paused at ")) == (True, "", True)
