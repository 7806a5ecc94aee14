from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX

from benchmarks.shapes import models
from importer import Column, Constant, Lookup, ModelImport, register

for _name in ("Plain", "Functional", "Conditional", "TwoKeys", "Period", "Shouted", "Odd", "Wide"):
    _meta = type("Meta", (), {"model": getattr(models, _name), "name": _name.lower()})
    register(type(f"{_name}Import", (ModelImport,), {"Meta": _meta}))


@register
class TwoKeysUpdate(ModelImport):
    class Meta:
        model = models.TwoKeys
        name = "twokeys-update"
        key = ("code",)
        on_conflict = "update"


@register
class TreeImport(ModelImport):
    parent = Lookup("parent", to="code")

    class Meta:
        model = models.Tree
        name = "tree"


@register
class PersonImport(ModelImport):
    password = Constant(UNUSABLE_PASSWORD_PREFIX)
    is_active = Column("is_active")

    class Meta:
        model = models.Person
        name = "person"
