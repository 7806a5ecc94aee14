"""Tests the parser with known user agents, and with lists that packages ship with labels."""

import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from hypothesis import given
from hypothesis import strategies as st

from tracking.device import Device, parse_headers, parse_user_agent

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1"
CHROME = f"{WEBKIT} Chrome/143.0.0.0"
KNOWN = {
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36": "desktop Chrome Windows",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {CHROME} Safari/537.36": "desktop Chrome Mac OS X",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0": "desktop Firefox Linux",
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36": "desktop Chrome Chrome OS",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) {SAFARI}": "mobile Mobile Safari iOS",
    f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36": "mobile Chrome Mobile Android",
    f"Mozilla/5.0 (iPad; CPU OS 18_3 like Mac OS X) {SAFARI}": "tablet Mobile Safari iOS",
    f"Mozilla/5.0 (Linux; Android 14; SM-X910) {CHROME} Safari/537.36": "tablet Chrome Android",
    f"Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) {WEBKIT} 94.0.4606.31/7.0 TV Safari/537.36": "other",
    f"Mozilla/5.0 (PlayStation; PlayStation 5/2.26) {WEBKIT} Version/13.0 Safari/605.1.15": "other",
    f"Mozilla/5.0 (Linux; Android 9; AFTKA) {WEBKIT} Silk/112 like Chrome/112 Safari/537.36": "other",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 8_3) (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": "bot",
    "curl/8.5.0": "bot",
    "python-requests/2.32.3": "bot",
    "": "other",
}


@pytest.mark.parametrize(("text", "expected"), KNOWN.items())
def test_a_user_agent_is_what_it_says(text: str, expected: str) -> None:
    device = parse_user_agent(text)

    assert f"{device.device_type} {device.browser} {device.os}".startswith(expected)


@given(st.text(max_size=2_000))
def test_no_text_breaks_the_parser(text: str) -> None:
    device = parse_user_agent(text)

    assert device.device_type in ("desktop", "mobile", "tablet", "bot", "other")
    assert max(map(len, (device.browser, device.browser_version, device.os, device.os_version))) <= 60


def test_nothing_is_nobody_knows_what() -> None:
    assert parse_user_agent(None) == Device("other")


def test_a_mebibyte_is_cut_before_it_is_read() -> None:
    assert parse_user_agent("Firefox/145.0 " * 100_000) == parse_user_agent(
        ("Firefox/145.0 " * 100_000)[:512]
    )


def hints(text: str, **values: str) -> Device:
    names = {f"Sec-CH-UA-{name.replace('_', '-')}": value for name, value in values.items()}
    return parse_headers({"User-Agent": text} | names)


def test_client_hints_tell_windows_11_from_10() -> None:
    text = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/143.0.0.0 Safari/537.36"

    assert hints(text, Platform='"Windows"', Platform_Version='"15.0.0"').os_version == "11"
    assert hints(text, Platform='"Windows"', Platform_Version='"10.0.0"').os_version == "10"
    assert hints(text, Platform='"Windows"').os_version == "10"


def test_a_tablet_that_asks_for_the_desktop_page_is_a_tablet() -> None:
    text = f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/143.0.0.0 Safari/537.36"

    device = hints(text, Platform='"Android"', Mobile="?0")

    assert (device.device_type, device.os) == ("tablet", "Android")


def test_hints_do_not_make_a_person_of_a_robot() -> None:
    text = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

    assert hints(text, Platform='"Android"', Mobile="?1").device_type == "bot"


@pytest.mark.parametrize("value", ['"Plan 9"', "", '"' + "x" * 10_000, "\0", '"Windows" ; v="1"'])
def test_odd_hints_are_passed_over(value: str) -> None:
    text = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"

    assert hints(text, Platform=value, Platform_Version=value).os == "Linux"


def test_nine_of_ten_robots_are_told_by_their_names() -> None:
    texts = [text for crawler in CRAWLER_USER_AGENTS_DATA for text in crawler.get("instances", [])]

    assert share_right([(text, "bot") for text in texts]) >= 0.9


def test_people_are_told_from_robots_and_their_devices_from_each_other() -> None:
    labelled = people()

    assert len(labelled) > 5_000
    assert share_right(labelled) >= 0.95
    kinds = Counter(parse_user_agent(text).device_type for text, _ in labelled)
    assert kinds["bot"] <= 0.005 * len(labelled)


def share_right(labelled: list[tuple[str, str]]) -> float:
    return sum(parse_user_agent(text).device_type == kind for text, kind in labelled) / len(labelled)


def people() -> list[tuple[str, str]]:
    """Return the browsers that fake-useragent ships, with their types."""
    spec: Any = importlib.util.find_spec("fake_useragent")
    lines = (Path(spec.origin).parent / "data" / "browsers.jsonl").read_text().splitlines()
    return [(row["useragent"], row["type"]) for row in map(json.loads, lines)]
