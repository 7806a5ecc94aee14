"""Tests that logins have their country, and that new countries and impossible travels raise one alert."""

import datetime as dt
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory

from tests.tracking.mmdb import (
    BERLIN,
    BERLIN_V6,
    CITIES,
    COUNTRIES,
    LAGOS,
    NOWHERE,
    POTSDAM,
    city,
    write_mmdb,
)
from tests.tracking.suite.conftest import (
    CHROME,
    PASSWORD,
    Browser,
    disconnect_tracking,
    make_user,
    queries_of,
)
from tests.tracking.suite.trouble import table_missing
from tracking import log_login
from tracking.events import Login, event_from_json
from tracking.health import counts
from tracking.models import LoginEvent, SecurityAlert
from tracking.privacy.personal_data import erase, export_of
from tracking.storage.drain import drain
from tracking.storage.travel import distance_km
from tracking.storage.write import announce, database_pause, replay_spool
from tracking.words import evidence_text

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


@pytest.fixture
def _cities(settings: Any, tmp_path: Path) -> None:
    path = write_mmdb(tmp_path / "cities.mmdb", CITIES)
    settings.TRACKING = settings.TRACKING | {"GEO_DATABASE": str(path)}


@pytest.fixture
def _countries(settings: Any, tmp_path: Path) -> None:
    path = write_mmdb(tmp_path / "countries.mmdb", COUNTRIES)
    settings.TRACKING = settings.TRACKING | {"GEO_DATABASE": str(path)}


def log_in(user: Any, address: str, *, agent: str = CHROME, **options: Any) -> None:
    request = RequestFactory(REMOTE_ADDR=address, HTTP_USER_AGENT=agent).get("/")
    log_login(user, request=request, **options)


def login_at(user: Any, moment: dt.datetime, address: str, country: str) -> None:
    """Record a login of another time, as the stream and the spool do."""
    event = Login(
        success=True, user_id=user.pk, identifier=user.get_username(), timestamp=moment, browser="Chrome",
        os="Windows", ip_address=address, country=country,
    )  # fmt: skip
    announce(drain([event]))


def kinds() -> list[str]:
    return list(SecurityAlert.objects.order_by("pk").values_list("kind", flat=True))


@pytest.mark.usefixtures("_countries")
@pytest.mark.parametrize(
    ("address", "country"),
    [(BERLIN, "DE"), (BERLIN_V6, "DE"), (LAGOS, "NG"), (NOWHERE, ""), ("10.0.0.1", "")],
)
def test_a_login_and_a_failure_have_their_country(user: Any, address: str, country: str) -> None:
    log_in(user, address)
    log_in(None, address, success=False, identifier="ann@example.com")

    assert list(LoginEvent.objects.values_list("country", flat=True)) == [country, country]


@pytest.mark.usefixtures("_countries")
def test_the_country_is_that_of_the_whole_address(user: Any, settings: Any) -> None:
    settings.TRACKING = settings.TRACKING | {"IP_BITS_V4": 8, "IP_BITS_V6": 16}

    log_in(user, BERLIN)

    event = LoginEvent.objects.get()
    assert (event.ip_address, event.country) == ("8.0.0.0", "DE")


@pytest.mark.usefixtures("_countries")
def test_a_spooled_login_has_the_country_of_its_time(user: Any, settings: Any) -> None:
    with table_missing("login_events"):
        log_in(user, BERLIN)
    settings.TRACKING = {key: value for key, value in settings.TRACKING.items() if key != "GEO_DATABASE"}
    database_pause.here.until = 0.0

    replay_spool()

    assert LoginEvent.objects.get().country == "DE"


def test_an_event_of_an_older_version_is_read_without_a_country(user: Any) -> None:
    values = json.loads(Login(success=True, user_id=user.pk).as_json())
    del values["country"]

    drain([event_from_json(json.dumps(values))])

    assert LoginEvent.objects.get().country == ""


def test_a_row_that_an_older_version_writes_has_no_country(user: Any) -> None:
    log_in(user, BERLIN)

    with connection.cursor() as cursor:
        fields = [
            f.column for f in LoginEvent._meta.concrete_fields if f.name not in ("id", "uuid", "country")
        ]
        names = ", ".join(fields)
        other = "'6f9619ff8b86d011b42d00c04fc964ff'"
        cursor.execute(f"INSERT INTO login_events (uuid, {names}) SELECT {other}, {names} FROM login_events")

    assert LoginEvent.objects.filter(country="").count() == 2


@pytest.mark.usefixtures("_countries")
def test_a_new_country_is_told_of_once_and_the_first_one_never(user: Any) -> None:
    log_in(user, BERLIN)
    log_in(user, POTSDAM)
    assert kinds() == []

    log_in(user, LAGOS)
    log_in(user, LAGOS)
    log_in(user, BERLIN)

    assert kinds() == ["new_country"]
    alert = SecurityAlert.objects.get()
    assert alert.severity == "medium"
    assert "NG" in evidence_text(alert.evidence) or "Nigeria" in evidence_text(alert.evidence)
    assert "new device" not in evidence_text(alert.evidence)


@pytest.mark.usefixtures("_countries")
def test_a_new_device_in_a_new_country_is_one_alert_that_says_both(user: Any) -> None:
    log_in(user, BERLIN)

    log_in(user, LAGOS, agent=FIREFOX)

    assert kinds() == ["new_country"]
    assert evidence_text(SecurityAlert.objects.get().evidence).endswith("new device")


@pytest.mark.usefixtures("_countries")
def test_a_new_device_at_home_is_a_new_device(user: Any) -> None:
    log_in(user, BERLIN)

    log_in(user, BERLIN, agent=FIREFOX)

    assert kinds() == ["new_device"]


@pytest.mark.usefixtures("_countries")
def test_an_address_without_a_country_is_no_new_country(user: Any) -> None:
    log_in(user, BERLIN)

    log_in(user, NOWHERE)

    assert kinds() == []


def test_logins_from_before_the_database_make_no_country_new(
    user: Any, settings: Any, tmp_path: Path
) -> None:
    log_in(user, BERLIN)
    path = write_mmdb(tmp_path / "countries.mmdb", COUNTRIES)
    settings.TRACKING = settings.TRACKING | {"GEO_DATABASE": str(path)}

    log_in(user, LAGOS)

    assert kinds() == []


@pytest.mark.usefixtures("_countries")
def test_a_country_of_long_ago_is_new_again(user: Any) -> None:
    login_at(user, NOON - dt.timedelta(days=100), LAGOS, "NG")
    login_at(user, NOON - dt.timedelta(days=1), BERLIN, "DE")

    login_at(user, NOON, LAGOS, "NG")

    assert kinds() == ["new_country"]


@pytest.mark.usefixtures("_countries")
def test_new_countries_can_be_switched_off(user: Any, settings: Any) -> None:
    settings.TRACKING = settings.TRACKING | {"ALERT_NEW_COUNTRY": False}
    log_in(user, BERLIN)

    log_in(user, LAGOS, agent=FIREFOX)

    assert kinds() == ["new_device"]


@pytest.mark.usefixtures("_countries")
def test_other_users_countries_do_not_count(user: Any) -> None:
    log_in(make_user("bob@example.com"), LAGOS)
    log_in(user, BERLIN)

    log_in(user, LAGOS)

    assert kinds() == ["new_country"]


@pytest.mark.usefixtures("_countries")
def test_a_burst_that_was_told_of_hides_no_new_country(user: Any) -> None:
    log_in(user, BERLIN)
    for _ in range(12):
        log_in(None, BERLIN, success=False, identifier="ann@example.com")
    log_in(user, BERLIN)
    assert kinds() == ["failure_burst", "success_after_burst"]

    log_in(user, LAGOS)

    assert kinds() == ["failure_burst", "success_after_burst", "new_country"]


@pytest.mark.usefixtures("_countries")
def test_a_database_of_countries_tells_no_travel_and_keeps_no_address(user: Any) -> None:
    log_in(user, BERLIN)

    log_in(user, LAGOS)

    assert kinds() == ["new_country"]
    assert not LoginEvent.objects.filter(evidence__has_key="previous").exists()


@pytest.mark.usefixtures("_cities")
@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (0, ["impossible_travel"]),
        (1, ["impossible_travel"]),
        (5.7, ["impossible_travel"]),
        (5.9, ["new_country"]),
        (30, ["new_country"]),
    ],
)
def test_nobody_travels_from_berlin_to_lagos_in_less_than_six_hours(
    user: Any, hours: float, expected: list[str]
) -> None:
    login_at(user, NOON, BERLIN, "DE")

    login_at(user, NOON + dt.timedelta(hours=hours), LAGOS, "NG")

    assert kinds() == expected  # 5,213 km at 900 km/h take 5 hours 48 minutes


@pytest.mark.usefixtures("_cities")
def test_an_impossible_travel_says_how_far_in_which_time_and_what_else_is_new(user: Any) -> None:
    login_at(user, NOON, BERLIN, "DE")

    login_at(user, NOON + dt.timedelta(minutes=72), LAGOS, "NG")

    alert = SecurityAlert.objects.get()
    assert alert.severity == "high"
    facts = alert.evidence
    assert (facts["seconds"], facts["from_city"], facts["city"], facts["also"]) == (
        4_320, "Berlin", "Lagos", ["new_country"],
    )  # fmt: skip
    assert 5_150 < facts["km"] < 5_250
    text = evidence_text(facts)
    assert "km in 72 minutes · Berlin, " in text
    assert " → Lagos, " in text
    assert text.endswith("new country")


@pytest.mark.usefixtures("_cities")
def test_who_changes_between_two_networks_is_told_of_once_a_day(user: Any) -> None:
    for minute in range(0, 60, 10):
        login_at(user, NOON + dt.timedelta(minutes=minute), BERLIN if minute % 20 else LAGOS, "DE")
    login_at(user, NOON + dt.timedelta(days=1), BERLIN, "DE")
    login_at(user, NOON + dt.timedelta(days=1, minutes=1), LAGOS, "DE")

    assert kinds() == ["impossible_travel"] * 2


@pytest.mark.usefixtures("_cities")
def test_a_way_of_less_than_500_km_is_no_impossible_travel(user: Any) -> None:
    login_at(user, NOON, BERLIN, "DE")

    login_at(user, NOON, POTSDAM, "DE")

    assert kinds() == []


def test_what_the_database_is_unsure_of_is_no_way(user: Any, settings: Any, tmp_path: Path) -> None:
    records = CITIES | {"1.1.1.0/24": city("DE", "", 41.9, 12.5, accuracy_radius=1_000)}  # 1,184 km away
    path = write_mmdb(tmp_path / "cities.mmdb", records)
    settings.TRACKING = settings.TRACKING | {"GEO_DATABASE": path}
    login_at(user, NOON, BERLIN, "DE")

    login_at(user, NOON + dt.timedelta(minutes=1), LAGOS, "DE")

    assert kinds() == []


@pytest.mark.usefixtures("_cities")
def test_a_login_from_an_unknown_place_between_changes_nothing(user: Any) -> None:
    login_at(user, NOON, BERLIN, "DE")
    login_at(user, NOON + dt.timedelta(minutes=1), "10.0.0.1", "")

    login_at(user, NOON + dt.timedelta(minutes=2), LAGOS, "NG")

    assert kinds() == ["impossible_travel"]


@pytest.mark.usefixtures("_cities")
def test_a_late_event_is_compared_with_the_logins_before_it(user: Any) -> None:
    login_at(user, NOON + dt.timedelta(hours=1), LAGOS, "NG")

    login_at(user, NOON, BERLIN, "NG")

    assert kinds() == []


@pytest.mark.usefixtures("_cities")
def test_addresses_that_are_kept_in_part_tell_no_travel(user: Any, settings: Any) -> None:
    settings.TRACKING = settings.TRACKING | {"IP_BITS_V4": 16}

    log_in(user, BERLIN)
    log_in(user, LAGOS)

    assert kinds() == ["new_country"]


@pytest.mark.usefixtures("_cities")
@pytest.mark.parametrize("speed", [None, 1_000_000_000])
def test_travels_can_be_switched_off_or_made_faster(user: Any, settings: Any, speed: int | None) -> None:
    settings.TRACKING = settings.TRACKING | {"ALERT_TRAVEL_KMH": speed}

    log_in(user, BERLIN)
    log_in(user, LAGOS)

    assert kinds() == ["new_country"]


@pytest.mark.usefixtures("_cities")
@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_with_places_an_attempt_costs_two_queries_at_most(
    browser: Browser, user: Any, settings: Any, password: str
) -> None:
    settings.TRACKING = settings.TRACKING | {"TRUSTED_PROXY_COUNT": 1}
    browser.headers |= {"x-forwarded-for": BERLIN}
    log_in(user, BERLIN_V6)

    tracked = queries_of(lambda: browser.log_in(password=password))

    event = LoginEvent.objects.latest("pk")
    assert event.country == "DE"
    if event.success:
        assert event.evidence["country_known"]
        assert event.evidence["previous"]["ip_address"] == BERLIN_V6
    disconnect_tracking(settings)
    untracked = queries_of(lambda: Browser(browser.kind).log_in(password=password))
    assert 1 <= tracked - untracked <= 2


@pytest.mark.usefixtures("_cities")
def test_export_and_erasure_include_the_country(user: Any) -> None:
    log_in(user, BERLIN)
    log_in(user, LAGOS)
    assert [row["country"] for row in export_of(user) if row["kind"] == "login"] == ["DE", "NG"]

    erase(user)

    assert list(LoginEvent.objects.values_list("country", "ip_address", "evidence")) == [("", None, {})] * 2
    assert not SecurityAlert.objects.exists()


def test_a_broken_database_breaks_no_login(
    browser: Browser, user: Any, settings: Any, tmp_path: Path
) -> None:
    path = tmp_path / "broken.mmdb"
    path.write_bytes(b"\x00" * 500)
    settings.TRACKING = settings.TRACKING | {"GEO_DATABASE": str(path), "TRUSTED_PROXY_COUNT": 1}
    browser.headers |= {"x-forwarded-for": BERLIN}

    answer = browser.log_in()

    assert answer.status_code == 302
    assert LoginEvent.objects.get().country == ""
    assert counts()["faults"] == 1


def test_distances_are_those_of_the_globe() -> None:
    berlin, lagos, here = (52.52, 13.405), (6.4541, 3.3947), (0.0, 0.0)

    assert distance_km(berlin, lagos) == pytest.approx(5_206, abs=10)
    assert distance_km(here, (0.0, 180.0)) == pytest.approx(20_015, abs=1)
    assert distance_km((0.0, 179.5), (0.0, -179.5)) == pytest.approx(111.2, abs=0.1)
    assert distance_km(berlin, berlin) == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_cities")
def test_logins_at_the_same_time_raise_one_alert_for_one_way(user: Any) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("one writer at a time")
    log_in(user, BERLIN)
    barrier = threading.Barrier(6)

    def enter() -> None:
        barrier.wait()
        log_in(user, LAGOS)
        connection.close()

    threads = [threading.Thread(target=enter) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert kinds().count("impossible_travel") == 1
    assert LoginEvent.objects.filter(country="NG").count() == 6
