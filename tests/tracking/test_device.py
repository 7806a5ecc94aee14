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


APPS = {
    "okhttp/4.12.0": "mobile",
    "ExampleBank/5.3.1 okhttp/4.9.3": "mobile",
    "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A.230805.001)": "mobile",
    "Dalvik/2.1.0 (Linux; U; Android 13; SM-X700 Build/TP1A.220624.014)": "tablet",
    "Dart/3.1 (dart:io)": "mobile",
    "Expo/2.29.6": "mobile",
    "Example/3 CFNetwork/1410.0.3 Darwin/22.6.0": "mobile",
    "Example/3 CFNetwork/1410.0.3 Darwin/22.6.0 (x86_64)": "desktop",
    "Example/1.2 (iPhone; iOS 17.4; Scale/3.00)": "mobile",
    "Example/1.2 (iPad; iOS 17.4; Scale/2.00)": "tablet",
    "Example/1.2 (com.example.app; build:12; iOS 17.4.1) Alamofire/5.8.1": "mobile",
    "Example/1.2 (com.example.app; build:12; macOS 14.4.1) Alamofire/5.8.1": "desktop",
    "Example-iOS/2.1": "mobile",
    "Apple-iPhone6C2/1201.405": "mobile",
    "Outlook-Android/2.0": "mobile",
    "Thunderbird/115.0": "desktop",
}


@pytest.mark.parametrize(("text", "kind"), APPS.items())
def test_an_app_is_the_device_that_it_runs_on(text: str, kind: str) -> None:
    assert parse_user_agent(text).device_type == kind


PROGRAMS = """
curl/8.5.0|Wget/1.21.3|python-httpx/0.27.0|Go-http-client/2.0|Java/17.0.2|axios/1.6.2|node-fetch|undici
PostmanRuntime/7.36.0|libwww-perl/6.67|Apache-HttpClient/4.5.13 (Java/11.0.18)|Debian APT-HTTP/1.3 (2.4.6)
Boto3/1.18.13 Python/3.10.4 Linux/5.15.0 Botocore/1.21.13|SomethingBot 2.0|Some Nightly Job|ExampleClient/1.2
"""


@pytest.mark.parametrize("text", PROGRAMS.strip().replace("\n", "|").split("|"))
def test_a_program_is_a_bot(text: str) -> None:
    assert parse_user_agent(text).device_type == "bot"


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "() { :; }; /bin/true", "${jndi:ldap://x}"])
def test_a_text_that_attacks_is_a_bot(text: str) -> None:
    assert parse_user_agent(text).device_type == "bot"


def test_sogou_is_a_browser_and_a_spider() -> None:
    phone = f"Mozilla/5.0 (Linux; Android 9; A1 Build/X) {CHROME} Mobile Safari/537.36 SogouMobileBrowser/6.1"
    spider = "Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)"

    assert parse_user_agent(phone).device_type == "mobile"
    assert parse_user_agent(spider).device_type == "bot"


def android(model: str, *, mobile: bool = True) -> Device:
    word = " Mobile" if mobile else ""
    return parse_user_agent(f"Mozilla/5.0 (Linux; Android 9; {model}) {CHROME}{word} Safari/537.36")


@pytest.mark.parametrize(
    "model",
    """
    Lenovo TB-X306X|SM-T515|AGS2-L09|BZT3-W09|JDN2-AL00|Example Tab 10|NovaPad 70|ExamplePad_7|Plane 7565N 3G PS7180PG
    23073RPBFG|RMP2102|OPD2101|TZ771|PMT3096_3G|8094X_EEA|M40_Plus_ROW|Nomi_C101012|Kids 8 Tab
    """.strip()
    .replace("\n", "|")
    .split("|"),
)
def test_tablets_that_say_mobile_are_told_by_their_names(model: str) -> None:
    assert android(model.strip()).device_type == "tablet"


@pytest.mark.parametrize(
    "model", "SM-G991B|Nexus 5X|CPH2211|RMX3363|Pixel 7|Redmi Note 9|moto g(20)".split("|")
)
def test_phones_that_do_not_say_mobile_are_told_by_their_names(model: str) -> None:
    assert android(model, mobile=False).device_type == "mobile"


@pytest.mark.parametrize(
    "model",
    [
        "RMX5250 Build/AP3A.240617.008; wv",  # Android 15, a build that many phones share
        "Pixel 3 Build/PPR2.181005.003",
        "HTC Butterfly Build/JDQ39",
        "CUBOT NOTE Plus",
        "LG-H960",
        "Positivo Twist 2",
        "TA-1021",
        "PADFONE_T008",
    ],
)
def test_a_phone_is_no_crawler_television_or_tablet_by_a_part_of_its_name(model: str) -> None:
    assert android(model).device_type == "mobile"


@pytest.mark.parametrize(
    "model", "AFTKA|AEOBC|X96_mini|QBOX|43UK30G|BRAVIA 4K|Beelink GT1|MiProjM05".split("|")
)
def test_boxes_and_televisions_are_other_devices(model: str) -> None:
    assert android(model, mobile=False).device_type == "other"


@pytest.mark.parametrize(
    ("system", "rest", "kind"),
    [
        ("Windows NT 6.1; WOW64; rv:20.0", "Gecko/20100101 Firefox/20.0 AlexaToolbar/2.1", "desktop"),
        ("Windows NT 6.1; Trident/7.0; Media Center PC 6.0; AskTbPTV/5.14; rv:11.0", "like Gecko", "desktop"),
        ("Windows NT 6.2; ARM; Trident/7.0; Touch; rv:11.0", "like Gecko", "tablet"),
        ("Windows NT 6.2; ARM; Trident/7.0; Touch; rv:11.0; WPDesktop; Lumia 535", "like Gecko", "mobile"),
        ("X11; U; Linux x86_64; en-us", f"{CHROME} Safari/537.36 Puffin/4.1.0.11AT", "tablet"),
        ("X11; U; Linux x86_64; en-us", f"{CHROME} Safari/537.36 Puffin/4.1.0IP", "mobile"),
        ("iPad; U; CPU OS 8_3 like Mac OS X", "AppleWebKit/534.46 UCBrowser/2.4 Safari/7543.48.3", "tablet"),
    ],
)
def test_what_a_browser_says_of_its_system(system: str, rest: str, kind: str) -> None:
    assert parse_user_agent(f"Mozilla/5.0 ({system}) {rest}").device_type == kind


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
