from typing import Any

from django.db import models

from importer import Column, Lookup, ModelImport, register
from tests.importer.samples.order.models import (
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


def specs_of(
    model: type[models.Model], *, key: tuple[str, ...] = (), **declared: Any
) -> dict[str, type[ModelImport]]:
    """A spec for each way to meet a conflict, by name: "order.seat", "order.seat-update", "order.seat-skip"."""
    specs = {}
    for on_conflict in ("reject", "update", "skip") if key else ("reject",):
        suffix = "" if on_conflict == "reject" else f"-{on_conflict}"
        name = f"{model._meta.label_lower}{suffix}"
        meta = type("Meta", (), {"model": model, "name": name, "key": key, "on_conflict": on_conflict})
        specs[name] = type(
            f"{model.__name__}{on_conflict.title()}", (ModelImport,), {"Meta": meta, **declared}
        )
    return specs


def register_all(model: type[models.Model], *, key: tuple[str, ...] = (), **declared: Any) -> None:
    for spec in specs_of(model, key=key, **declared).values():
        register(spec)


# Not registered, since `check` warns of them: a test that wants one puts it into the registry for its own time.
UNREGISTERED = specs_of(Loose, key=("code",)) | specs_of(Diary)

register_all(Node, key=("code",), parent=Lookup("parent", to="code"))


@register
class NodesByLabel(ModelImport):
    class Meta:
        model = Node
        name = "nodes-by-label"
        key = ("code",)
        on_conflict = "update"

    parent = Lookup("parent", to="label")


register_all(Player, key=("name",), team=Lookup(("year", "code"), to=("year", "code")))
register_all(Team)
register_all(Seat, key=("row", "number"))
register_all(Badge, key=("code",))
register_all(Price)
register_all(Weight)
register_all(Slot, key=("code",))
register_all(Draft, key=("code",), title=Column("title"))
register_all(Nickname)
register_all(Article, key=("code",), data=Column("data", default={}))
register_all(Account, key=("code",))


@register
class NumberedTeams(ModelImport):
    class Meta:
        model = Team
        name = "numbered-teams"
        fields = ("id", "year", "code")
