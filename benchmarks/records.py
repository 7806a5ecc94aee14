"""Generates legacy contacts with ten columns, always the same for the same number of records."""

import random
from pathlib import Path

HEADER = "legacy_id,email,first_name,last_name,role,status,company_code,joined,balance,notes"
FIRST = (
    "Ann",
    "Bob",
    "Cid",
    "Dan",
    "Eve",
    "Fay",
    "Gus",
    "Hal",
    "Ida",
    "Jon",
    "Kim",
    "Lea",
    "Max",
    "Nia",
    "Olu",
    "Pia",
)
LAST = (
    "Adams",
    "Baker",
    "Clark",
    "Davis",
    "Evans",
    "Frank",
    "Ghosh",
    "Hills",
    "Irwin",
    "Jones",
    "Klein",
    "Lopez",
)
ROLES = ("User", "MANAGER", "admin")
STATUSES = ("active", "invited", "suspended")
COMPANIES = 500
BLOCK = 10_000


def write_contacts(path: Path, records: int, *, bad_part: float = 0.0, seed: int = 7) -> None:
    """Writes a CSV of legacy contacts; the share `bad_part` has an invalid date or an unknown company."""
    randomness = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER + "\n")
        for start in range(0, records, BLOCK):
            numbers = range(start + 1, min(start + BLOCK, records) + 1)
            file.write("".join(_contact(number, randomness, bad_part) for number in numbers))


def _contact(number: int, randomness: random.Random, bad_part: float) -> str:
    company, day = (
        f"C{number % COMPANIES:04}",
        f"{number % 12 + 1:02}/{number % 28 + 1:02}/{2000 + number % 24}",
    )
    if bad_part and randomness.random() < bad_part:
        company, day = randomness.choice([("C9999", day), (company, "02/30/2001")])
    first, last = FIRST[number % len(FIRST)], LAST[number % len(LAST)]
    return (
        f"{number},{first.lower()}.{last.lower()}{number}@example{number % 97}.com,{first},{last},{ROLES[number % 3]},"
        f"{STATUSES[number % 3]},{company},{day},{number % 100_000}.{number % 100:02},note on legacy contact {number}\n"
    )
