"""What the row lane gives to clean(): the same instance, and the same values, as Django makes."""

from typing import Any

import pytest
from django.db import connection, models
from django.db.models.signals import post_init

from importer.specs.mapping import ColumnPlan
from importer.validate.instances import Instances
from importer.validate.values.encode import Encoder
from importer.validate.values.judge import Judge
from importer.validate.values.python import PythonValues
from tests.importer.samples.crm.models import Booking, Contact, Everything, Period, Variants
from tests.importer.samples.places.models import Article, Boat, Restaurant, Trattoria
from tests.importer.validate.border_texts import BORDER_TEXTS

MODELS = [Booking, Contact, Everything, Period, Variants, Article, Boat, Restaurant, Trattoria]


def state_of(instance: models.Model) -> dict[str, Any]:
    """Return all attributes; what is made anew for each instance only by its type."""
    state = {name: value for name, value in vars(instance).items() if name != "_state"}
    made = {f.attname for f in instance._meta.concrete_fields if callable(f.default)}
    assert vars(instance)["_state"].adding
    return {name: type(value) if name in made else value for name, value in state.items()}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_an_instance_is_what_the_model_makes_of_the_values(model: Any) -> None:
    fields = [f for f in model._meta.concrete_fields if not f.is_relation][:3]
    values = {f.attname: "x" for f in fields}
    instances = Instances(model, set(values))

    assert instances.is_plain
    assert state_of(instances.build(values)) == state_of(model(**values))


def test_whoever_listens_hears_of_each_instance() -> None:
    heard: list[Any] = []

    def listen(instance: Any, **_: Any) -> None:
        heard.append(instance)

    post_init.connect(listen, sender=Period)
    try:
        instances = Instances(Period, {"name"})
        built = instances.build({"name": "x"})
    finally:
        post_init.disconnect(listen, sender=Period)

    assert (instances.is_plain, heard) == (False, [built])


def test_a_model_that_builds_itself_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(self: Any, *args: Any, **values: Any) -> None:
        models.Model.__init__(self, *args, **values)
        self.touched = True

    monkeypatch.setattr(Period, "__init__", build)

    assert Instances(Period, {"name"}).build({"name": "x"}).touched  # type: ignore[attr-defined]


@pytest.mark.django_db
@pytest.mark.parametrize("field", Everything._meta.concrete_fields[1:], ids=lambda field: field.name)
def test_a_value_is_what_the_field_makes_of_the_text(field: Any) -> None:
    judge = Judge(ColumnPlan(field, field.name, field.attname, field.name), Encoder(connection))
    values = PythonValues(judge.plan, judge)
    accepted = 0
    for text in BORDER_TEXTS:
        cleaned, errors = judge(text)
        if errors:
            continue
        accepted += 1
        expected = judge.python_value(text)
        found = values(text, cleaned)
        assert (type(found), repr(found)) == (type(expected), repr(expected)), text
    assert accepted
