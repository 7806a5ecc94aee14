"""`manage.py check` finds contradictions in settings and specs before the first record."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import models

from importer import Column, Lookup, Many, ModelImport, run_import
from importer.checks import check_settings, check_spec
from importer.conf import POSITIVE
from importer.exceptions import SourceRefused
from importer.jobs import create_job
from importer.sources.local import locate
from importer.specs.registry import temporarily
from tests.importer.samples.crm.models import Contact


def told(problems: list[Any]) -> list[tuple[str, str, str]]:
    return [(problem.id, problem.msg, problem.hint) for problem in problems]


def lookup(path: str) -> type[ModelImport]:
    class Lost(ModelImport):
        class Meta:
            model = Contact
            name = "lost"

        company = Lookup("COMP_CD", to=path)

    return Lost


# Specs


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("nope", 'crm.Company has no field "nope"; it has id, code, name'),
        ("code__more", '"code" is not a relation'),
    ],
)
def test_e009_a_lookup_that_leads_nowhere(path: str, fault: str) -> None:
    """The path was not checked before the run, which then failed unexpectedly."""
    [problem] = told(check_spec(lookup(path)))

    assert problem == (
        "importer.E009",
        f'lookup.<locals>.Lost: Lookup on "company" to "{path}": {fault}.',
        "Name a field of the parent, or a path of fields to it.",
    )


def test_e009_a_many_that_leads_nowhere() -> None:
    meta = type("Meta", (), {"model": get_user_model(), "name": "lost"})
    spec = type("Lost", (ModelImport,), {"Meta": meta, "groups": Many("GROUPS", to="nope")})

    assert any('Many on "groups" to "nope"' in problem[1] for problem in told(check_spec(spec)))


@pytest.mark.parametrize("command", [("create_import", "lost", "x.csv"), ("explain_import", "lost")])
def test_a_lookup_that_leads_nowhere_is_refused_in_one_line(command: tuple[str, ...]) -> None:
    with (
        temporarily(lookup("nope")),
        pytest.raises(CommandError, match='has no field "nope"') as refusal,
    ):
        call_command(*command)

    assert refusal.value.returncode == 2


def spec_of(of: type[models.Model], **declared: Column) -> type[ModelImport]:
    meta = type("Meta", (), {"model": of, "name": "made"})
    return type("Made", (ModelImport,), {"Meta": meta, **declared})


def test_a_proxy_is_no_table_that_inherits() -> None:
    class ContactProxy(Contact):
        class Meta:
            proxy = True
            app_label = "crm"

    try:
        assert told(check_spec(spec_of(ContactProxy))) == []
    finally:
        del apps.all_models["crm"]["contactproxy"]
        apps.clear_cache()


def test_e010_a_declared_field_that_the_database_generates() -> None:
    class Generating(models.Model):
        whole = models.IntegerField()
        double = models.GeneratedField(
            expression=models.F("whole") * 2, output_field=models.IntegerField(), db_persist=True
        )

        class Meta:
            app_label = "crm"

    try:
        assert told(check_spec(spec_of(Generating, double=Column("DOUBLE")))) == [
            (
                "importer.E010",
                'Made: the database generates the field "double" and ignores the source.',
                "Remove it from the spec.",
            )
        ]
    finally:
        del apps.all_models["crm"]["generating"]
        apps.clear_cache()


def test_e011_a_default_that_is_a_function() -> None:
    """Every empty cell was rejected, because a function is not a date."""
    assert told(check_spec(spec_of(Contact, joined=Column(default=dt.date.today)))) == [
        (
            "importer.E011",
            'Made: the default of "joined" is a function; it must be a value.',
            "Use a value, or leave the column out of the source so that the model field's default is called.",
        )
    ]


# Settings


@pytest.mark.parametrize("value", [0, -1, "8", None, True])
@pytest.mark.parametrize("name", POSITIVE)
def test_e007_a_figure_that_must_be_positive(settings: Any, name: str, value: Any) -> None:
    settings.IMPORTER = {name: value}

    assert told(check_settings()) == [
        (
            "importer.E007",
            f'IMPORTER["{name}"] is {value!r}; use a number above 0.',
            "Leave the key out for the default.",
        )
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["CHUNK_BYTES", "CHUNK_RECORDS", "BATCH_MAX_BYTES", "MAX_FIELD_LINES"])
def test_a_run_with_such_a_figure_ends_with_a_line(folder: Path, settings: Any, name: str) -> None:
    """It hung, or completed with nothing read."""
    (folder / "source.csv").write_text("code,name\nA,Ay\n")
    job = create_job("companies", str(folder / "source.csv"))
    settings.IMPORTER |= {name: 0}

    result = run_import(job)

    assert (result.status, result.reason) == (
        "failed",
        f'IMPORTER["{name}"] is 0; use a number above 0.',
    )


def test_e008_source_roots_that_are_one_text(tmp_path: Path, settings: Any) -> None:
    """Its letters were taken for folders, and its slash for the machine's root."""
    settings.IMPORTER = {"SOURCE_ROOTS": str(tmp_path)}
    (tmp_path / "source.csv").write_text("")

    assert told(check_settings()) == [
        (
            "importer.E008",
            f'IMPORTER["SOURCE_ROOTS"] is the text "{tmp_path}"; it must be a list of folders.',
            f'Write ["{tmp_path}"].',
        )
    ]
    assert locate(str(tmp_path / "source.csv")) == tmp_path / "source.csv"
    with pytest.raises(SourceRefused, match="outside the folders"):
        locate("/etc/passwd")
