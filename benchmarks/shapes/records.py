"""Generates the records of each shape, always the same for the same number."""

import json
import random
from collections.abc import Callable, Iterator

Record = dict[str, str]
NAMES = ("Ann Adams", "Bob Baker", "Cid Clark", "Dan Davis", "Eve Evans", "Fay Frank")


def item(number: int) -> Record:
    return {
        "code": f"C{number:08}",
        "name": NAMES[number % len(NAMES)],
        "email": f"p{number}@example.com",
        "amount": f"{number % 9_000}.{number % 100:02}",
        "day": f"{2000 + number % 24}-{number % 12 + 1:02}-{number % 28 + 1:02}",
    }


def tree(number: int) -> Record:
    """Each record stands below an earlier one, which has eight below it."""
    return {
        "code": f"C{number:08}",
        "name": NAMES[number % len(NAMES)],
        "parent": f"C{number // 8:08}" if number >= 8 else "",
    }


def chain(number: int) -> Record:
    """Each record stands below the one ten before it, as versions of documents do: the deepest tree there is."""
    return tree(number) | {"parent": f"C{number - 10:08}" if number > 10 else ""}


def period(number: int) -> Record:
    of_item = item(number)
    return {name: of_item[name] for name in ("code", "name", "amount")} | {
        "begin": of_item["day"],
        "end": f"2030-01-{number % 28 + 1:02}",
    }


def odd(number: int) -> Record:
    randomness = random.Random(number)
    return {
        "phone": f"+49{number:09}",
        "address": ".".join(str(randomness.randrange(256)) for _ in range(4)),
        "weight": repr(randomness.random() * 1_000),
        "length": f"{number % 30} {number % 24:02}:{number % 60:02}:{number // 60 % 60:02}",
        "at": f"20{number % 24:02}-03-{number % 28 + 1:02}T{number % 24:02}:{number % 60:02}:00.{number:06}Z",
        "data": json.dumps({"number": number, "tags": ["a", "b"]}),
    }


def person(number: int) -> Record:
    first, last = NAMES[number % len(NAMES)].split()
    return {
        "username": f"person{number}",
        "first_name": first,
        "last_name": last,
        "email": f"P{number}@Example.COM",
        "is_active": str(number % 7 > 0),
        "date_joined": f"20{number % 24:02}-03-{number % 28 + 1:02} {number % 24:02}:{number % 60:02}:00+00:00",
    }


def wide(number: int) -> Record:
    of_item = item(number)
    return (
        {"code": of_item["code"]}
        | {f"text{n}": f"{of_item['name']} {(number + n) % 1_000}" for n in range(30)}
        | {f"number{n}": str(number % (1_000 + n)) for n in range(20)}
        | {f"day{n}": f"{2000 + (number + n) % 24}-0{n % 9 + 1}-{number % 28 + 1:02}" for n in range(9)}
    )


RECORDS: dict[str, Callable[[int], Record]] = {
    "plain": item,
    "functional": item,
    "conditional": item,
    "twokeys": item,
    "tree": tree,
    "chain": chain,
    "wide": wide,
    "odd": odd,
    "period": period,
    "shouted": item,
    "update": item,
    "person": person,
}


def records(shape: str, count: int) -> Iterator[Record]:
    return map(RECORDS[shape], range(1, count + 1))
