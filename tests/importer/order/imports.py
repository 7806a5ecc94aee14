from typing import Any

from django.db import models

from importer import Column, Lookup, ModelImport, register
from tests.importer.order.models import (
    Account,
    Article,
    Badge,
    Diary,
    Draft,
    Loose,
    Nickname,
    Node,
    Player,
    Price,
    Seat,
    Slot,
    Team,
    Weight,
)


def spec_of(model: type[models.Model], *, key: tuple[str, ...] = (), **declared: Any) -> None:
    """A spec for each way to meet a conflict: "order.seat", "order.seat-update", "order.seat-skip"."""
    for on_conflict in ("reject", "update", "skip") if key else ("reject",):
        suffix = "" if on_conflict == "reject" else f"-{on_conflict}"
        name = f"{model._meta.label_lower}{suffix}"
        meta = type("Meta", (), {"model": model, "name": name, "key": key, "on_conflict": on_conflict})
        register(type(f"{model.__name__}{on_conflict.title()}", (ModelImport,), {"Meta": meta, **declared}))


spec_of(Node, key=("code",), parent=Lookup("parent", to="code"))


@register
class NodesByLabel(ModelImport):
    class Meta:
        model = Node
        name = "nodes-by-label"
        key = ("code",)
        on_conflict = "update"

    parent = Lookup("parent", to="label")


spec_of(Player, key=("name",), team=Lookup(("year", "code"), to=("year", "code")))
spec_of(Team)
spec_of(Seat, key=("row", "number"))
spec_of(Loose, key=("code",))
spec_of(Badge, key=("code",))
spec_of(Price)
spec_of(Weight)
spec_of(Slot, key=("code",))
spec_of(Draft, key=("code",), title=Column("title"))
spec_of(Nickname)
spec_of(Article, key=("code",), data=Column("data", default={}))
spec_of(Account, key=("code",))
spec_of(Diary)


@register
class NumberedTeams(ModelImport):
    class Meta:
        model = Team
        name = "numbered-teams"
        fields = ("id", "year", "code")
