"""The clean() that Django brings for users, done by columns, against clean() itself."""

from typing import Any

import polars as pl
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.test.utils import isolate_apps

from importer import Column, Constant, ModelImport
from importer.batches import Batch
from importer.models import StagingRecord
from importer.records import Position
from importer.specs.compile import compile_mapping
from importer.specs.mapping import Mapping
from importer.specs.registry import temporarily
from importer.validate.explain import explain
from importer.validate.validate import Validator
from tests.importer.conftest import Importing
from tests.importer.validate.naughty_texts import TEXTS

NAMES = ["ann", "ＡＮＮ", "ﬁne", "Ⅷ", "e\u0301ve", "ﷺ", "ann ", *TEXTS]
ADDRESSES = ["Ann@EXAMPLE.com", "a@ÄÖ.Example", "İ@İ.com", "", "x@y@Z.com", "no address", " a@B.c ", *TEXTS]


def mapping_of(model: Any, columns: str = "username email", declared: Any = None, **meta: Any) -> Mapping:
    spec_meta = type("Meta", (), {"model": model, "name": "users", "fields": columns.split(), **meta})
    declared = {"password": Constant("!")} | (declared or {})
    spec = type("Users", (ModelImport,), {"Meta": spec_meta, **declared})
    return compile_mapping(spec, columns.split())


@pytest.mark.django_db
@isolate_apps("tests.importer.samples.order")
def test_columns_change_what_clean_changes() -> None:
    model = type(
        "Person", (AbstractUser,), {"__module__": __name__, "Meta": type("Meta", (), {"app_label": "order"})}
    )
    mapping = mapping_of(model)
    count = max(len(NAMES), len(ADDRESSES))
    texts = {
        "username": [NAMES[n % len(NAMES)] for n in range(count)],
        "email": [ADDRESSES[n % len(ADDRESSES)] for n in range(count)],
    }

    batch = Batch(pl.DataFrame(texts), pl.Series(range(count)), Position(0, 1), Position(0, count))
    cleaned = Validator.of(mapping).validate(batch)

    assert (mapping.row_lane, mapping.cleans_model) == ("", False)
    accepted = cleaned.sound().to_list()
    assert len(accepted) > 3
    for number in accepted:
        user = model(username=texts["username"][number], email=texts["email"][number])
        user.clean_fields(exclude=["password"])
        user.clean()
        assert cleaned.values["username"][number] == user.username
        assert cleaned.values["email"][number] == user.email


@isolate_apps("tests.importer.samples.order")
def test_any_other_clean_goes_record_by_record() -> None:
    def user(name: str, *bases: type, **members: Any) -> Any:
        meta = type("Meta", (), {"app_label": "order"})
        return type(name, bases or (AbstractUser,), {"__module__": __name__, "Meta": meta, **members})

    class Strict:
        def clean(self) -> None:
            super().clean()  # type: ignore[misc]

    def clean(self: Any) -> None:
        raise ValidationError("never")

    by_rows = {
        "own clean": mapping_of(user("A", clean=clean)),
        "a mixin's": mapping_of(user("B", Strict, AbstractUser)),
        "another get_username": mapping_of(user("C", get_username=lambda self: "x")),
        "no manager to ask": mapping_of(user("D", objects=models.Manager())),
        "its own hook": mapping_of(user("E"), declared={"clean_record": lambda self, record: record}),
        "an update that lacks the address": mapping_of(
            user("F"), "username", key=("username",), on_conflict="update"
        ),
        "an address that may stay": mapping_of(
            user("G"), key=("username",), on_conflict="update", declared={"email": Column(blank="keep")}
        ),
        "a constant that it would change": mapping_of(
            user("H"), "username", declared={"email": Constant("a@B.com")}
        ),
    }
    by_columns = {
        "an insert without the address": mapping_of(user("I"), "username"),
        "the manager's own rule": mapping_of(user("J", objects=type("Own", (UserManager,), {})())),
        "a name that is the address": mapping_of(user("K", USERNAME_FIELD="email", REQUIRED_FIELDS=[])),
    }

    assert [name for name, mapping in by_rows.items() if not mapping.row_lane] == []
    assert [name for name, mapping in by_columns.items() if mapping.row_lane] == []


@isolate_apps("tests.importer.samples.order")
def test_functions_of_the_site_are_called() -> None:
    def normalize_username(cls: type, username: str) -> str:
        return username[::-1]

    members = {
        "login": models.CharField(max_length=20, unique=True),
        "USERNAME_FIELD": "login",
        "normalize_username": classmethod(normalize_username),
        "objects": BaseUserManager(),
        "__module__": __name__,
        "Meta": type("Meta", (), {"app_label": "order"}),
    }
    plan = next(
        plan
        for plan in mapping_of(type("Own", (AbstractBaseUser,), members), "login").columns
        if plan.field.name == "login"
    )

    assert plan.normalize
    assert plan.normalize("abc") == "cba"


@pytest.mark.django_db(transaction=True)
def test_a_function_that_raises_rejects_the_record(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = get_user_model()

    def normalize_username(cls: type, username: str) -> str:
        if "bad" in username:
            raise ValueError("never heard of")
        return username.lower()

    monkeypatch.setattr(model, "normalize_username", classmethod(normalize_username))
    spec = type("Users", (ModelImport,), {"Meta": type("Meta", (), {"model": model, "name": "users"})})
    with temporarily(spec):
        job, result = importing("users", "email\nAnn@example.com\nbad@example.com\nann@EXAMPLE.com\n")

    assert (result.inserted, result.rejected) == (1, 2)
    errors = [record.errors[0] for record in StagingRecord.objects.filter(job=job).order_by("line")]
    assert [(error["code"], error["message"][:30]) for error in errors] == [
        ("clean_failed", "ValueError: never heard of"),
        ("unique", "User with this E-mail already "),
    ]
    assert "clean() is Django's own, which normalises email" in explain(spec)
