"""Tests how places are read: from which databases, of which addresses, and when a file is wrong or replaced."""

import ipaddress
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.tracking.mmdb import BERLIN, BERLIN_V6, CITIES, COUNTRIES, LAGOS, NOWHERE, city, write_mmdb
from tracking import state
from tracking.health import counts
from tracking.places import Place, country_of, databases, place_of, place_of_stored


@pytest.fixture(autouse=True)
def _fresh() -> None:
    state.forget()


def country(text: str) -> str:
    return country_of(ipaddress.ip_address(text))


def place(text: str, **options: Any) -> Place | None:
    return place_of(ipaddress.ip_address(text), **options)


def use(settings: Any, *paths: Path) -> None:
    settings.TRACKING = {"GEO_DATABASE": paths[0] if len(paths) == 1 else [str(path) for path in paths]}


def test_without_a_database_no_country_is_known(settings: Any) -> None:
    settings.TRACKING = {}

    assert country(BERLIN) == ""
    assert "faults" not in counts()


def test_a_flat_database_of_countries_knows_both_versions(settings: Any, tmp_path: Path) -> None:
    use(settings, write_mmdb(tmp_path / "countries.mmdb", COUNTRIES))

    assert [country(text) for text in (BERLIN, BERLIN_V6, LAGOS, NOWHERE)] == ["DE", "DE", "NG", ""]


def test_two_files_know_one_version_each(settings: Any, tmp_path: Path) -> None:
    v6 = {network: record for network, record in COUNTRIES.items() if ":" in network}
    use(
        settings,
        write_mmdb(tmp_path / "v4.mmdb", COUNTRIES, version=4),
        write_mmdb(tmp_path / "v6.mmdb", v6),
    )

    assert [country(text) for text in (BERLIN, BERLIN_V6)] == ["DE", "DE"]


def test_a_database_of_ipv4_does_not_know_ipv6(settings: Any, tmp_path: Path) -> None:
    use(settings, write_mmdb(tmp_path / "v4.mmdb", COUNTRIES, version=4))

    assert country(BERLIN_V6) == ""
    assert "faults" not in counts()


def test_a_database_of_cities_tells_the_coordinates(settings: Any, tmp_path: Path) -> None:
    use(settings, write_mmdb(tmp_path / "cities.mmdb", CITIES))

    berlin = place(BERLIN)

    assert berlin == Place("DE", "Berlin", 52.52, 13.405)
    assert berlin is not None
    assert berlin.coordinates == (52.52, 13.405)


def test_a_flat_database_of_cities_may_write_numbers_as_texts(settings: Any, tmp_path: Path) -> None:
    record = {"country_code": "de", "city": "Berlin", "latitude": "52.52", "longitude": "13.405"}
    use(settings, write_mmdb(tmp_path / "cities.mmdb", {"8.8.8.0/24": record}))

    assert place(BERLIN) == Place("DE", "Berlin", 52.52, 13.405)


def test_the_middle_of_a_country_is_no_place_unless_its_radius_is_told(settings: Any, tmp_path: Path) -> None:
    records = {
        "8.8.8.0/24": city("DE", "", 51.0, 9.0),
        "1.1.1.0/24": city("NG", "", 10.0, 8.0, accuracy_radius=1_000),
    }
    use(settings, write_mmdb(tmp_path / "cities.mmdb", records))

    germany, nigeria = place(BERLIN), place(LAGOS)

    assert germany is not None
    assert (germany.country, germany.coordinates) == ("DE", None)
    assert nigeria is not None
    assert (nigeria.coordinates, nigeria.accuracy_km) == ((10.0, 8.0), 1_000)


@pytest.mark.parametrize(
    "record",
    [
        {"country_code": "ZZ"},
        {"country_code": "DEU"},
        {"country_code": 49},
        {"country": {"iso_code": None}},
        {"country": {}},
        {"location": {"latitude": 99.0, "longitude": "east"}, "city": {"names": []}},
        {},
        ["DE"],
        "DE",
    ],
)
def test_a_record_without_a_country_is_no_place(settings: Any, tmp_path: Path, record: Any) -> None:
    record = {"country": {}} if record == {"country": {"iso_code": None}} else record
    use(settings, write_mmdb(tmp_path / "odd.mmdb", {"8.8.8.0/24": record}))

    assert place(BERLIN) is None
    assert "faults" not in counts()


@pytest.mark.parametrize("text", ["10.1.2.3", "203.0.113.7", "127.0.0.1", "fe80::1", "2001:db8::1"])
def test_private_and_reserved_addresses_have_no_country(settings: Any, tmp_path: Path, text: str) -> None:
    record = {"country_code": "DE"}
    use(settings, write_mmdb(tmp_path / "all.mmdb", {f"{text}/32" if "." in text else f"{text}/128": record}))

    assert country(text) == ""


def test_a_truncated_address_has_a_place_only_if_its_network_has_one(settings: Any, tmp_path: Path) -> None:
    use(settings, write_mmdb(tmp_path / "cities.mmdb", CITIES))

    assert place("8.8.8.0", known_bits=24) is not None
    assert place("8.8.8.0", known_bits=16) is None
    assert place("2001:4860:4860::", known_bits=48) is not None
    assert place("2001:4860::", known_bits=32) is None

    settings.TRACKING = settings.TRACKING | {"IP_BITS_V4": 16}
    assert place_of_stored("8.8.0.0") is None
    assert place_of_stored(None) is None


def test_of_two_databases_the_first_that_knows_an_address_counts(settings: Any, tmp_path: Path) -> None:
    few = {"8.8.8.0/24": city("AT", "Wien", 48.2, 16.4)}
    use(settings, write_mmdb(tmp_path / "few.mmdb", few), write_mmdb(tmp_path / "all.mmdb", COUNTRIES))

    assert [country(text) for text in (BERLIN, LAGOS)] == ["AT", "NG"]


def test_a_replaced_file_is_read_at_once(settings: Any, tmp_path: Path) -> None:
    path = write_mmdb(tmp_path / "countries.mmdb", COUNTRIES)
    use(settings, path)
    assert country(BERLIN) == "DE"

    write_mmdb(path, {"8.8.8.0/24": {"country_code": "AT"}})

    assert country(BERLIN) == "AT"


def test_a_missing_file_is_one_fault_until_it_is_there(settings: Any, tmp_path: Path) -> None:
    path = tmp_path / "countries.mmdb"
    use(settings, path)

    assert [country(BERLIN), country(BERLIN)] == ["", ""]
    assert counts()["faults"] == 1

    write_mmdb(path, COUNTRIES)
    assert country(BERLIN) == "DE"
    assert counts()["faults"] == 1


@pytest.mark.parametrize("content", [b"", b"no database", b"\xab\xcd\xefMaxMind.com" + b"\xe1" * 50])
def test_a_broken_file_is_one_fault_and_hides_no_other(settings: Any, tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "broken.mmdb"
    broken.write_bytes(content)
    use(settings, broken, write_mmdb(tmp_path / "countries.mmdb", COUNTRIES))

    assert [country(BERLIN), country(BERLIN)] == ["DE", "DE"]
    assert counts()["faults"] == 1


def test_a_file_that_was_overwritten_in_place_breaks_nothing(settings: Any, tmp_path: Path) -> None:
    path = write_mmdb(tmp_path / "countries.mmdb", COUNTRIES)
    use(settings, path)
    assert country(BERLIN) == "DE"

    path.write_bytes(path.read_bytes()[:100])

    assert country(BERLIN) == ""
    assert counts()["faults"] == 1


def test_a_corrupt_tree_is_a_fault_and_no_exception(settings: Any, tmp_path: Path) -> None:
    path = write_mmdb(tmp_path / "countries.mmdb", COUNTRIES)
    whole = path.read_bytes()
    marker = whole.rindex(b"\xab\xcd\xefMaxMind.com")
    for seed in range(40):
        noise = bytes((seed * 37 + n * 101) % 256 for n in range(marker))
        path.write_bytes(noise + whole[marker:])
        use(settings, path)
        databases.forget()

        assert len(country(BERLIN)) in (0, 2)


def test_without_the_package_no_country_is_known(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    use(settings, write_mmdb(tmp_path / "countries.mmdb", COUNTRIES))

    assert [country(BERLIN), country(BERLIN)] == ["", ""]
    assert counts()["faults"] == 1


def test_threads_that_look_up_while_the_file_changes_see_old_or_new(settings: Any, tmp_path: Path) -> None:
    path = write_mmdb(tmp_path / "countries.mmdb", COUNTRIES)
    use(settings, path)
    seen: set[str] = set()
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            seen.add(country(BERLIN))

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for number in range(20):
        write_mmdb(path, {"8.8.8.0/24": {"country_code": "AT" if number % 2 else "DE"}})
    is_over.set()
    for thread in threads:
        thread.join()

    assert seen <= {"DE", "AT"}
    assert country(BERLIN) == "AT"
    assert "faults" not in counts()


def test_a_forked_process_looks_up_although_the_lock_was_held(settings: Any, tmp_path: Path) -> None:
    use(settings, write_mmdb(tmp_path / "countries.mmdb", COUNTRIES))
    assert country(BERLIN) == "DE"

    with databases._lock:
        child = os.fork()
        if not child:
            os._exit(0 if country(BERLIN) == "DE" else 1)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
