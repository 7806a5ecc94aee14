"""100,000 records as an old system would export them, some of them bad; the same ones each time.

Users come first; POVs name their owners by e-mail address; TRRs name their POV by its number. One record in four
hundred has a fault of its own, of the kinds that real exports have; some more refer to one that has.
"""

from __future__ import annotations

import csv
import random
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

SEED = 20251014
USERS, POVS, TRRS = 40_000, 35_000, 25_000
FAULTS_PER_RECORD = 1 / 400
FIRST_USER, FIRST_POV, FIRST_TRR = 10_001, 500_001, 900_001

UNACCENTED = str.maketrans({"ø": "o", "ß": "ss", "ı": "i"})  # what Unicode does not take apart
FIRST_NAMES = (
    "Aisha Anders Beatriz Björn Chloé Dmitri Elif Fatima Giulia Hannah Ivan José Kaito Léa Mahmoud Ngozi Olga "
    "Priya Quentin Renée Søren Tomasz Uchenna Valentina Wei Xiomara Yusuf Zoë"
).split()
LAST_NAMES = (
    "Almeida Becker Çelik Dubois Eriksen Fernández García Haddad Ivanova Jansen Kowalski Lindqvist Müller Nakamura "
    "O'Brien Petrov Quispe Rossi Schmidt Tanaka Umar Varga Weiß Xu Yılmaz Zhang"
).split()
COMPANIES = (
    "Acme, Inc.",
    "Borealis Bank",
    "Café Nord",
    "Delta Grid",
    'Evans "Quick" Logistics',
    "Fjord Health",
    "Globex",
    "Jupiter Rail",
    "Lumen Retail",
)
INDUSTRIES = ("Finance", "Energy", "Health", "Retail", "Transport", "Public sector", "N/A")
SUBJECTS = (
    "Endpoint protection",
    "Cloud posture",
    "Data lake",
    "Single sign-on",
    "Network segmentation",
    "XDR pilot",
)
CRITERIA = (
    "Detects 95 % of the test set; no more than 2 false alarms a day.",
    "Roll-out to 500 machines within a week,\nwithout a restart.",
    "Answers below one second at peak load.",
    "",
)
FINDINGS = (
    "Logs leave the region.",
    "No failover was tested.",
    "The vendor's API is limited to 10 calls/s.",
    "NULL",
)
MITIGATIONS = ("Keep logs in the region; ask legal.", "Test the failover before go-live.", "-")
CATEGORIES = ("ARCHITECTURE", "SECURITY", "INTEGRATION", "DATA", "PERFORMANCE", "COMPLIANCE", "OPERATIONS")
LEVELS = ("LOW", "MEDIUM", "HIGH", "CRITICAL")

Record = dict[str, str]


@dataclass(frozen=True)
class LegacyFile:
    spec: str
    path: Path


def write_legacy_files(folder: Path) -> list[LegacyFile]:
    """In the order in which they must be imported."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(SEED)
    users = list(_users(chance))
    povs = list(_povs(chance, owners=[user["EMAIL_ADDR"] for user in users]))
    trrs = _trrs(
        chance, povs=[pov["POV_ID"] for pov in povs], assessors=[user["EMAIL_ADDR"] for user in users]
    )
    return [
        _write(folder / "users.csv", "users", users, USER_FAULTS, chance),
        _write(folder / "povs.csv", "povs", povs, POV_FAULTS, chance),
        _write(folder / "trrs.csv", "trrs", trrs, TRR_FAULTS, chance),
    ]


# -- good records -----------------------------------------------------------------------------------------------------


def _users(chance: random.Random) -> Iterator[Record]:
    for number in range(FIRST_USER, FIRST_USER + USERS):
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        joined = _day(chance)
        status = chance.choices(("ACTIVE", "INVITED", "SUSPENDED", "DISABLED"), (85, 8, 3, 4))[0]
        yield {
            "USER_ID": str(number),
            "EMAIL_ADDR": f"{_ascii(first)}.{_ascii(last)}.{number}@example.org",
            "FIRST_NM": first,
            "LAST_NM": last,
            "ROLE_CD": chance.choices(("USER", "CONSULTANT", "MANAGER", "ADMIN"), (80, 13, 6, 1))[0],
            "STATUS_CD": status,
            "LOGIN_FLG": "Y" if status in ("ACTIVE", "INVITED") else "N",
            "JOIN_DT": _american(joined),
            "CREATED_TS": _moment(chance, joined),
        }


def _povs(chance: random.Random, *, owners: list[str]) -> Iterator[Record]:
    for number in range(FIRST_POV, FIRST_POV + POVS):
        start, has_ended = _day(chance), chance.random() < 0.9
        yield {
            "POV_ID": str(number),
            "POV_TITLE": f"{chance.choice(SUBJECTS)} {start.year}",
            "CUST_NM": chance.choice(COMPANIES),
            "INDUSTRY": chance.choice(INDUSTRIES),
            "STATUS_CD": chance.choice(("PLANNED", "ACTIVE", "ON_HOLD", "WON", "LOST", "CANCELLED")),
            "PRIO_CD": chance.choice(LEVELS),
            "OWNER_EMAIL": chance.choice(owners),
            "START_DT": _american(start),
            "END_DT": _american(start + timedelta(days=chance.randrange(14, 120))) if has_ended else "",
            "DEAL_AMT": f"{chance.lognormvariate(11, 1):.2f}",
            "DEAL_CCY": chance.choice(("USD", "USD", "EUR", "GBP", "JPY")),
            "SUCCESS_TXT": chance.choice(CRITERIA),
            "CREATED_TS": _moment(chance, start),
        }


def _trrs(chance: random.Random, *, povs: list[str], assessors: list[str]) -> Iterator[Record]:
    for number in range(FIRST_TRR, FIRST_TRR + TRRS):
        created = _day(chance)
        reviewed = chance.random() < 0.6
        yield {
            "TRR_ID": str(number),
            "POV_ID": chance.choice(povs),
            "TRR_TITLE": f"Risk {number}: {chance.choice(SUBJECTS).lower()}",
            "CATEGORY_CD": chance.choice(CATEGORIES),
            "RISK_CD": chance.choice(LEVELS),
            "STATUS_CD": chance.choice(("OPEN", "IN_REVIEW", "MITIGATED", "ACCEPTED", "CLOSED")),
            "LIKELIHOOD": str(chance.randint(1, 5)),
            "IMPACT": str(chance.randint(1, 5)),
            "ASSESSOR_EMAIL": chance.choice(assessors) if chance.random() < 0.95 else "gone@example.org",
            "FINDINGS_TXT": chance.choice(FINDINGS),
            "MITIGATION_TXT": chance.choice(MITIGATIONS),
            "DUE_DT": _american(created + timedelta(days=30)),
            "REVIEWED_TS": _moment(chance, created + timedelta(days=10)) if reviewed else "",
            "CREATED_TS": _moment(chance, created),
        }


# -- faults -----------------------------------------------------------------------------------------------------------

Fault = Callable[[list[str], list[str]], list[str]]  # (values, column names) → the values as exported


def _put(column: str, value: str) -> Fault:
    def fault(values: list[str], columns: list[str]) -> list[str]:
        return [value if name == column else kept for name, kept in zip(columns, values, strict=True)]

    return fault


def _too_short(values: list[str], columns: list[str]) -> list[str]:
    return values[:-2]


def _too_long(values: list[str], columns: list[str]) -> list[str]:
    return [*values, "left over"]


USER_FAULTS = (
    _too_short,
    _too_long,
    _put("USER_ID", "12A45"),
    _put("EMAIL_ADDR", "office@example.org"),  # one address for many people: the first one keeps it
    _put("EMAIL_ADDR", "no address"),
    _put("EMAIL_ADDR", ""),
    _put("FIRST_NM", "Bartholomew " * 8),
    _put("ROLE_CD", "WIZARD"),
    _put("JOIN_DT", "02/30/2019"),
    _put("JOIN_DT", "2019-04-01"),
    _put("LOGIN_FLG", "?"),
)
POV_FAULTS = (
    _too_short,
    _too_long,
    _put("OWNER_EMAIL", "nobody.knows@example.org"),
    _put("POV_TITLE", ""),
    _put("CUST_NM", "Incorporated " * 16),
    _put("STATUS_CD", "MAYBE"),
    _put("DEAL_AMT", "1,250.00"),
    _put("DEAL_AMT", "99999999999.99"),
    _put("DEAL_CCY", "EURO"),
    _put("END_DT", "01/01/1999"),  # before any start
    _put("START_DT", "13/13/2020"),
)
TRR_FAULTS = (
    _too_short,
    _too_long,
    _put("POV_ID", "1"),
    _put("POV_ID", ""),
    _put("CATEGORY_CD", "MISC"),
    _put("LIKELIHOOD", "9"),
    _put("IMPACT", "high"),
    _put("REVIEWED_TS", "yesterday"),
    _put("TRR_TITLE", "Risk " * 60),
)


def _write(
    path: Path, spec: str, records: Iterable[Record], faults: tuple[Fault, ...], chance: random.Random
) -> LegacyFile:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        columns: list[str] = []
        for record in records:
            if not columns:
                columns = list(record)
                writer.writerow(columns)
            values = list(record.values())
            if chance.random() < FAULTS_PER_RECORD:
                values = chance.choice(faults)(values, columns)
            writer.writerow(values)
    return LegacyFile(spec=spec, path=path)


# -- values -----------------------------------------------------------------------------------------------------------


def _day(chance: random.Random) -> date:
    return date(2015, 1, 1) + timedelta(days=chance.randrange(3_900))


def _american(day: date) -> str:
    return day.strftime("%m/%d/%Y")


def _moment(chance: random.Random, day: date) -> str:
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 (the old system knew no time zones)
    return (midnight + timedelta(seconds=chance.randrange(86_400))).strftime("%m/%d/%Y %H:%M:%S")


def _ascii(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.lower().translate(UNACCENTED))
    return "".join(letter for letter in decomposed if letter.isascii() and letter.isalpha())
