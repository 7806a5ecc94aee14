"""Imports a CSV with the lines that anybody writes by hand, and prints the seconds.

python -m benchmarks.shapes.by_hand SHAPE FILE
"""

import csv
import json
import sys
import time
from itertools import islice
from typing import Any

import django

BATCH = 2_000


def main(shape: str, path: str) -> float:
    django.setup()
    from django.apps import apps

    model = apps.get_model("shapes", shape)
    began = time.monotonic()
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if shape == "tree":
            import_tree(model, rows)
        while batch := [made(model, row) for row in islice(rows, BATCH)]:
            for instance in batch:
                instance.full_clean(validate_unique=False, validate_constraints=False)
            model.objects.bulk_create(batch)
    return time.monotonic() - began


def made(model: Any, row: dict[str, Any]) -> Any:
    if "data" in row:
        row["data"] = json.loads(row["data"])
    if "username" in row:
        row["password"] = "!"
    return model(**row)


def import_tree(model: Any, rows: "csv.DictReader[str]") -> None:
    """Import records that refer to earlier ones, one by one."""
    for row in rows:
        parent = model.objects.get(code=row["parent"]) if row["parent"] else None
        instance = model(code=row["code"], name=row["name"], parent=parent)
        instance.full_clean(validate_unique=False, validate_constraints=False)
        instance.save()


if __name__ == "__main__":
    print(main(sys.argv[1], sys.argv[2]))
