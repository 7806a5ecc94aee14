"""`explain_import` describes what the import does."""

from itertools import pairwise
from typing import Any

import pytest

from cortex.models import User
from importer import Column, ModelImport
from importer.models import DataImportJob, StagingRecord
from importer.specs.compile import compile_mapping
from importer.specs.registry import temporarily
from importer.validate.explain import explain
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Variants


class People(ModelImport):
    class Meta:
        model = User
        name = "people"


class Slow(ModelImport):
    char_pattern = Column("PATTERN", transform=str.title)
    date_required = Column("DAY", formats=("%d/%m/%Y", "%d %b %Y"))

    class Meta:
        model = Variants
        name = "slow"


def first_cells(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines()[2:]]


@pytest.mark.django_db
def test_sensitive_fields_are_left_out_and_the_key_is_not() -> None:
    text = explain(People)

    (left_out,) = [line for line in text.splitlines() if line.startswith("  left out")]
    for name in ("password", "is_staff", "is_superuser", "is_active"):
        assert name in left_out
        assert name not in first_cells(text)
    assert "id" in first_cells(text)


@pytest.mark.django_db
def test_a_slow_lane_comes_with_its_reason_its_cost_and_what_would_be_faster() -> None:
    with temporarily(Slow):
        lines = explain(Slow).splitlines()

    said = {line.split()[0]: (" ".join(line.split()[2:]), after.strip()) for line, after in pairwise(lines)}
    fast_transforms = "str.lower, str.upper, str.strip, str.lstrip, str.rstrip are done by columns"
    assert said["char_pattern"] == (
        "distinct + fast title() is called per distinct value, then CharField by columns", f"→ {fast_transforms}"
    )  # fmt: skip
    assert said["char_pattern_ahead"] == (
        "distinct the validator RegexValidator is called by Django",
        "→ without lookahead, references and inline flags its pattern would be judged by columns",
    )
    assert said["even"] == (
        "distinct EvenField has a run_validators() of its own",
        "→ IntegerField and validators instead would be judged by columns",
    )
    assert said["integer_steps"][1] == "→ a MinValueValidator or MaxValueValidator would be judged by columns"
    assert said["date_required"] == (
        "fast DateField by columns, except for %d %b %Y, which strptime reads",
        "→ formats of %Y %y %m %d %H %M %S %f are read by columns",
    )
    (cost,) = [line for line in lines if line.startswith("  cost ")]
    assert cost.split(maxsplit=1)[1] == (
        "fast below 2 µs a value; distinct + fast below 3 µs a value, and your function for each distinct one; "
        "distinct 7 to 50 µs a distinct value, and your own code (classes, measured elsewhere)"
    )


@pytest.mark.django_db
@pytest.mark.parametrize("width", [80, 100, 120])
def test_lines_are_wrapped_to_a_width(width: int) -> None:
    with temporarily(Slow):
        wrapped, whole = explain(Slow, width), explain(Slow)

    assert max(map(len, wrapped.splitlines())) <= width
    assert wrapped.split() == whole.split()


@pytest.mark.django_db
def test_the_fields_named_are_those_that_are_filled(importing: Importing) -> None:
    columns = [field.name for field in User._meta.concrete_fields]
    values: dict[str, Any] = dict.fromkeys(columns, "")
    values |= {
        "id": "70001",
        "email": "ann@example.com",
        "password": "plain",
        "is_staff": "t",
        "is_superuser": "t",
    }
    values |= {"is_active": "f", "role": "user", "status": "active", "created_at": "2020-01-01T00:00:00Z"}
    text = f"{','.join(columns)}\n{','.join(values[name] for name in columns)}\n"

    with temporarily(People):
        job, result = importing("people", text)

    assert list(StagingRecord.objects.filter(job=job).values_list("errors", flat=True)) == []
    user = User.objects.get(email="ann@example.com")
    assert result.status == DataImportJob.Status.COMPLETED
    assert (user.pk, user.is_staff, user.is_superuser, user.is_active, user.password) == (
        70001,
        False,
        False,
        True,
        "",
    )
    filled = {field.name for field in compile_mapping(People, columns).mapped}
    assert filled <= set(first_cells(explain(People)))
