"""`explain_import` describes what the import does."""

from typing import Any

import pytest

from cortex.models import User
from importer import ModelImport
from importer.models import DataImportJob, StagingRecord
from importer.specs.compile import compile_mapping
from importer.specs.registry import temporarily
from importer.validate.explain import explain
from tests.importer.conftest import Importing


class People(ModelImport):
    class Meta:
        model = User
        name = "people"


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
