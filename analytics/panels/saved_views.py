"""Keeps periods and filters under names, for each person their own."""

from typing import Any

from django.db import router, transaction

from analytics.models import SavedView
from tracking.privacy.mentions import Person

# So many are listed, and may be kept. Two requests at once may exceed it by one.
MOST_KEPT = 50
NAME_CHARACTERS = 60


def views_of(user: Any) -> list[SavedView]:
    return list(SavedView.objects.filter(user=user.pk).order_by("name")[:MOST_KEPT])


def name_of(text: str) -> str:
    """Return a text as the name of a view: one line of visible characters; "" if there are none."""
    visible = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(visible.split())[:NAME_CHARACTERS].rstrip()


def keep_view(user: Any, name: str, query: str) -> bool:
    """Keep a view, in place of one with the same name; False if there are MOST_KEPT others."""
    own = SavedView.objects.filter(user=user.pk)
    if not own.filter(name=name).exists() and own.count() >= MOST_KEPT:
        return False
    own.update_or_create(user_id=user.pk, name=name, defaults={"query": query})
    return True


def delete_view(user: Any, key: int) -> bool:
    """Delete a view of this user; False if there is none with the key."""
    return SavedView.objects.filter(user=user.pk, pk=key).delete()[0] == 1


def erase_views(user: Any) -> int:
    """Delete the user's views, and those of others that name the user. There are few, so all are read."""
    person = Person.of(user)
    views = SavedView.objects.using(router.db_for_write(SavedView))
    with transaction.atomic(using=views.db):
        naming = [
            view.pk
            for view in views.exclude(user=user.pk).iterator()
            if person.is_named_in(view.name) or person.is_named_in(view.query)
        ]
        own = views.filter(user=user.pk).delete()[0]
        return own + views.filter(pk__in=naming).delete()[0]
