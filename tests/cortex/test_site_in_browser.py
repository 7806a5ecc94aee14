"""Uses the site's pages in a real browser: on a phone, by keyboard, without scripts, light and dark, with axe."""

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from cortex.models import User
from tests.analytics.browser.conftest import PASSWORD, Visitor
from tests.cortex.axe import violations
from tests.cortex.factories import PovFactory, TrrFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]
PHONE = {"width": 390, "height": 844}
NEW = "a much longer secret 7"
# Before signing in, and after.
OUTSIDE = (
    "/accounts/login/?next=/povs/", "/admin/login/?next=/admin/", "/accounts/password/reset/",
    "/accounts/password/reset/done/", "/accounts/password/reset/key/1-set-password/",
    "/accounts/password/reset/key/done/", "/accounts/inactive/", "/nowhere/",
)  # fmt: skip
INSIDE = (
    "/", "/povs/", "/povs/?q=nothing", "/trrs/?sort=due", "/povs/{pov}/", "/trrs/{trr}/", "/devices/",
    "/accounts/password/change/", "/accounts/logout/", "/admin/",
)  # fmt: skip


@pytest.fixture
def ann(transactional_db: None) -> User:
    user = User.objects.create_superuser("ann@example.com", PASSWORD, first_name="Ann", last_name="Lee")
    today = timezone.localdate()
    pov = PovFactory(
        owner=user, title="Cloud posture of 40 accounts", status="active", end_date=today - dt.timedelta(days=3),
        success_criteria="Nobody notices.",
    )  # fmt: skip
    TrrFactory(pov=pov, title="Roles-that-nobody-owns-" * 6, due_on=today, assessor=user, findings="Many.")
    PovFactory(title="A" * 180, customer="W" * 150)
    return user


def sign_in(visitor: Visitor, user: User) -> Any:
    page = visitor.page
    page.goto(f"{visitor.base}/accounts/login/")
    page.fill("#id_login", user.email)
    page.fill("#id_password", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{visitor.base}/")
    return page


def addresses(user: User, paths: tuple[str, ...]) -> list[str]:
    pov = user.povs.get()
    return [path.format(pov=pov.pk, trr=pov.trrs.get().pk) for path in paths]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_fit_for_a_screen_reader_and_a_phone(
    visit: Callable[..., Visitor], ann: User, scheme: str
) -> None:
    visitor = visit(color_scheme=scheme, viewport=PHONE)
    found: dict[str, Any] = {}

    def look(paths: list[str]) -> None:
        for path in paths:
            visitor.page.goto(f"{visitor.base}{path}")
            is_too_wide = visitor.is_too_wide() and not path.startswith("/admin/")
            if problems := [*violations(visitor.page), *(["too wide"] if is_too_wide else [])]:
                found[path] = problems

    look(list(OUTSIDE))
    sign_in(visitor, ann)
    look(addresses(ann, INSIDE))
    visitor.page.set_viewport_size({"width": 1440, "height": 900})
    look(addresses(ann, INSIDE))

    assert found == {}
    visitor.expect_status(404)


@pytest.mark.parametrize("path", ["/admin/analytics/", "/admin/tracking/activitylog/", "/admin/cortex/pov/"])
def test_no_two_landmarks_have_one_name_and_links_are_underlined(
    visit: Callable[..., Visitor], ann: User, path: str
) -> None:
    visitor = visit()
    page = sign_in(visitor, ann)

    page.goto(f"{visitor.base}{path}")

    # Django's search field has an image for a label.
    assert [found for found in violations(page) if not found.startswith("label-title-only: ")] == []


def test_somebody_with_a_lost_password_gets_in_on_a_phone_without_scripts(
    visit: Callable[..., Visitor], ann: User
) -> None:
    visitor = visit(viewport=PHONE, java_script_enabled=False)
    page = visitor.page
    page.goto(f"{visitor.base}/povs/")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail address").fill("ann@example.com")
    page.get_by_role("button", name="Send the mail").click()
    page.get_by_role("heading", name="Check your mail").wait_for()

    [address] = re.findall(r"http://\S+/key/\S+", str(mail.outbox[0].body))
    page.goto(address)
    assert "set-password" in page.url
    for label in ("New password", "New password, again"):
        page.get_by_label(label, exact=True).fill(NEW)
    page.get_by_role("button", name="Save the password").click()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("E-mail address").fill("ann@example.com")
    page.get_by_label("Password").fill(NEW)
    page.get_by_role("button", name="Sign in", exact=True).click()

    page.get_by_role("heading", name="Ann Lee").wait_for()


def test_a_list_is_used_by_keyboard_alone(visit: Callable[..., Visitor], ann: User) -> None:
    visitor = visit(viewport={"width": 1440, "height": 900})
    page = sign_in(visitor, ann)
    page.goto(f"{visitor.base}/povs/")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("posture")
    page.keyboard.press("Enter")
    page.wait_for_url("**/povs/?q=posture**")
    page.get_by_role("link", name="Cloud posture of 40 accounts").focus()
    page.keyboard.press("Enter")

    page.get_by_role("heading", name="Cloud posture of 40 accounts").wait_for()


def test_a_whole_row_is_its_link_and_a_card_is_still_a_row(visit: Callable[..., Visitor], ann: User) -> None:
    visitor = visit(viewport=PHONE)
    page = sign_in(visitor, ann)
    page.goto(f"{visitor.base}/povs/?q=posture")
    row = page.get_by_role("row").filter(has_text="posture")
    assert row.get_by_role("rowheader").count() == 1
    assert row.get_by_role("cell").count() == 5
    assert row.bounding_box()["height"] >= 44

    row.get_by_text("Acme").click(force=True)  # the link lies over it

    page.get_by_role("heading", name="Cloud posture of 40 accounts").wait_for()


def test_what_a_finger_presses_is_large_enough(visit: Callable[..., Visitor], ann: User) -> None:
    visitor = visit(viewport=PHONE)
    page = sign_in(visitor, ann)
    page.goto(f"{visitor.base}/povs/")
    page.locator("summary").click()

    heights = page.eval_on_selector_all(
        "header a, header button, header summary, form.filters input, form.filters select, form.filters button",
        "all => all.filter(e => e.offsetParent).map(e => [e.textContent.trim(), e.getBoundingClientRect().height])",
    )

    assert len(heights) > 8
    assert [(name, height) for name, height in heights if height < 44] == []


def test_a_device_elsewhere_is_ended_and_this_one_has_no_button(
    visit: Callable[..., Visitor], ann: User
) -> None:
    elsewhere = visit()
    sign_in(elsewhere, ann)
    here = visit(viewport=PHONE)
    page = sign_in(here, ann)

    page.get_by_role("link", name="Devices").click()
    assert page.get_by_text("this device").count() == 1
    button = page.get_by_role("button", name=re.compile("^End .*Linux"))
    assert button.count() == 1
    button.click()

    page.wait_for_load_state()
    assert page.get_by_role("button", name=re.compile("^End")).count() == 0
    elsewhere.page.goto(f"{elsewhere.base}/")
    assert "/accounts/login/" in elsewhere.page.url
