"""What a `clean()` may change is told only where its source proves it."""

import datetime as dt
import functools
import re
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from importer.specs.plain_clean import fields_changed_by_clean
from tests.importer.samples.crm.models import Company

EARLIEST = dt.date(1900, 1, 1)


class Base(models.Model):
    code = models.CharField(max_length=10)
    begin = models.DateField()
    end = models.DateField(null=True)
    company = models.ForeignKey(Company, on_delete=models.CASCADE)

    class Meta:
        abstract = True
        app_label = "order"

    @property
    def shouted(self) -> str:
        return self.code

    def shout(self) -> None:
        self.code = self.code.upper()


class Plain:
    def clean(self: Any) -> None:
        if self.end and self.end < max(self.begin, EARLIEST):
            raise ValidationError({"end": _("The end is before the begin: %s.") % self.end})
        parts = [part.strip() for part in re.split("-", self.code)]
        self.begin = EARLIEST if not parts else self.begin


class Sets:
    def clean(self: Any) -> None:
        super().clean()
        self.code += "!"
        self.company_id, self.end = 1, None


class Leaves:
    def clean(self: Any) -> None:
        print(self)


class LeavesByName:
    def clean(self: Any) -> None:
        other = self
        other.code = "x"


class CallsOwn:
    def clean(self: Any) -> None:
        self.shout()


class ReadsProperty:
    def clean(self: Any) -> None:
        print(self.shouted)


class ReadsRelated:
    def clean(self: Any) -> None:
        self.company.base_set.all()


class Queries:
    def clean(self: Any) -> None:
        Company.objects.count()


class Reflects:
    def clean(self: Any) -> None:
        locals()["self"].code = "x"


class Nests:
    def clean(self: Any) -> None:
        def inner() -> None:
            self.code = "x"

        inner()


class Imports:
    def clean(self: Any) -> None:
        from tests.importer.samples.crm import models as others

        others.Company.objects.count()


class OtherSuper:
    def clean(self: Any) -> None:
        super().shout()


class NamesItsClass:
    def clean(self: Any) -> None:
        __class__.objects.count()  # type: ignore[name-defined]


def anything(self: Any) -> None:
    self.code = "x"


class IsWrapped:
    clean = functools.wraps(Plain.clean)(anything)


class Passes:
    def clean(self: Any) -> None:
        super().full_clean()


def changed(*mixins: type) -> frozenset[str] | None:
    meta = type("Meta", (), {"app_label": "order", "abstract": True})
    made: Any = type("Made", (*mixins, Base), {"__module__": __name__, "Meta": meta})
    return fields_changed_by_clean(made)


def test_what_is_set_is_told() -> None:
    assert changed() == frozenset()
    assert changed(Plain) == {"begin"}
    assert changed(Sets) == {"code", "company_id", "end"}
    assert changed(Sets, Plain) == {"code", "company_id", "end", "begin"}
    assert changed(Plain, Leaves) == {"begin"}  # it does not call the next one


ANYTHING = (
    Leaves, LeavesByName, CallsOwn, ReadsProperty, ReadsRelated, Queries, Reflects, Nests, Imports, OtherSuper, Passes,
    NamesItsClass, IsWrapped,
)  # fmt: skip


@pytest.mark.parametrize("mixin", ANYTHING)
def test_anything_else_may_do_anything(mixin: type) -> None:
    assert changed(mixin) is None
    assert changed(Sets, mixin) is None
