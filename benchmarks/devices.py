"""Measures how often the kind of a device is right, on labelled lists of user agents, and how fast it is found.

    python -m benchmarks.devices [list.jsonl ...]

A list has one JSON object a line: {"user_agent": "…", "device_type": "desktop"}; the types are those of
`tracking.device`. Without a list it measures what is installed: the browsers of fake-useragent, and the robots of
crawler-user-agents, whose patterns the parser uses.
"""

import argparse
import importlib.util
import json
import time
from collections import Counter
from pathlib import Path

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from tracking.device import BOT, DESKTOP, MOBILE, OTHER, TABLET, parse_user_agent
from tracking.device.parse import parsed

KINDS = (DESKTOP, MOBILE, TABLET, BOT, OTHER)
PEOPLE = (DESKTOP, MOBILE, TABLET)
# Each list: user agent → its label. A string that a list has twice counts once.
Labelled = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("lists", nargs="*", type=Path, help="files of JSON lines; default: what is installed")
    options = parser.parse_args()
    lists = {path.name: read(path) for path in options.lists} or installed()
    for name, labelled in lists.items():
        report(name, labelled)


def read(path: Path) -> Labelled:
    """Read a list. Raises SystemExit, with the line's number, for a line without a string and a known type."""
    labelled = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            text, kind = row["user_agent"], row["device_type"]
        except (ValueError, TypeError, KeyError):
            text, kind = None, None
        if not isinstance(text, str) or kind not in KINDS:
            raise SystemExit(
                f"{path}, line {number}: expected user_agent and a device_type of {', '.join(KINDS)}"
            )
        labelled[text] = kind
    return labelled


def installed() -> dict[str, Labelled]:
    """Return the lists that packages ship."""
    spec = importlib.util.find_spec("fake_useragent")
    lists = {}
    if spec and spec.origin:
        lines = (Path(spec.origin).parent / "data" / "browsers.jsonl").read_text().splitlines()
        lists["fake-useragent"] = {row["useragent"]: row["type"] for row in map(json.loads, lines)}
    lists["crawler-user-agents"] = {
        text: BOT for crawler in CRAWLER_USER_AGENTS_DATA for text in crawler.get("instances", [])
    }
    return lists


def report(name: str, labelled: Labelled) -> None:
    """Print the share that is right of each kind, people called bots, and new strings per second of CPU time."""
    for text in labelled:
        parse_user_agent(text)  # the engine compiles a pattern when it first needs it
    parsed.cache_clear()
    began = time.process_time()  # other load on the machine does not count
    found = {text: parse_user_agent(text).device_type for text in labelled}
    seconds = time.process_time() - began

    strings = Counter(labelled.values())
    right = Counter(kind for text, kind in labelled.items() if found[text] == kind)
    print(f"{name}: {len(labelled):,} strings, {len(labelled) / seconds:,.0f} new ones per CPU second")
    for kind in KINDS:
        if strings[kind]:
            show(f"{kind} ({strings[kind]:,})", right[kind] / strings[kind])
    if people := sum(strings[kind] for kind in PEOPLE):
        called_bots = sum(found[text] == BOT for text, kind in labelled.items() if kind in PEOPLE)
        show(f"people: all three ({people:,})", sum(right[kind] for kind in PEOPLE) / people)
        show("people called bots", called_bots / people)


def show(what: str, share: float) -> None:
    print(f"    {what:40} {share:8.2%}", flush=True)


if __name__ == "__main__":
    main()
