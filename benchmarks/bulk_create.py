"""Runs `bulk_create` on clean records in a separate process, and prints the seconds."""

import csv
import sys
import time
from itertools import islice

import django

BATCH = 10_000


def main(path: str, records: int, *, clean: bool) -> float:
    django.setup()
    from benchmarks.contacts.models import Contact

    names = [field.attname for field in Contact._meta.concrete_fields]
    began = time.monotonic()
    with open(path, encoding="utf-8", newline="") as file:
        rows = islice(csv.reader(file), records)
        while batch := [Contact(**dict(zip(names, row, strict=True))) for row in islice(rows, BATCH)]:
            if clean:
                for contact in batch:
                    contact.clean_fields(exclude=["company"])
            Contact.objects.bulk_create(batch)
    return time.monotonic() - began


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2]), clean=sys.argv[3] == "1"))
