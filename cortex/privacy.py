"""Erases a user's sign-on accounts, sessions and cached values. Lists the POVs and TRRs that stay."""

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction

from cortex.freshness import invalidate
from cortex.models import Pov, Trr, User
from tracking.privacy.mentions import Person, in_pages, pages_that_may_name

PAGE = 500
# Columns in which people may write about people.
TEXTS: dict[Any, tuple[str, ...]] = {
    Pov: ("title", "customer", "industry", "success_criteria"),
    Trr: ("title", "findings", "mitigation"),
}


def erase_user(user: User) -> dict[str, list[str]]:
    """Returns two lists of lines for a person: "erased" and "stays".

    Reads all sessions, because only a session's data says whose it is.
    """
    accounts = SocialAccount.objects.filter(user=user)
    addresses = EmailAddress.objects.filter(user=user)
    erased = [
        f"{accounts.count():,} accounts of sign-on providers, with their tokens",
        f"{addresses.count():,} e-mail addresses",
    ]
    with transaction.atomic():
        accounts.delete()
        addresses.delete()
        shown = (("users", f"users:{user.pk}"), *(("lists", name) for name in ("povs", "trrs", "home")))
        for alias, group in shown:
            transaction.on_commit(partial(invalidate, alias, group))
    erased.append(f"{_delete_sessions(user):,} sessions")
    return {"erased": erased, "stays": [*_owned(user), *_naming(user)]}


def _delete_sessions(user: User) -> int:
    """Returns how many sessions were deleted, from the database and the cache."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    key = user._meta.pk.value_to_string(user)
    deleted = 0
    for page in in_pages(Session.objects.all(), PAGE):
        own = [session for session in page if session.get_decoded().get(SESSION_KEY) == key]
        for session in own:
            store(session.session_key).delete()
        deleted += len(own)
    return deleted


def _owned(user: User) -> Iterator[str]:
    if povs := Pov.objects.filter(owner=user).count():
        yield f"{povs:,} POVs that they own; give them another owner before you delete the account"
    if trrs := Trr.objects.filter(assessor=user).count():
        yield f"{trrs:,} TRRs that they assess, until the account is deleted"


def _naming(user: User) -> Iterator[str]:
    """Lists rows whose texts name the person. They stay: only their authors can rewrite them."""
    person = Person.of(user)
    for model, columns in TEXTS.items():
        keys = [
            str(row.pk)
            for page in pages_that_may_name(model.objects.all(), person, *columns, size=PAGE)
            for row in page
            if any(person.is_named_in(getattr(row, name)) for name in columns)
        ]
        if keys:
            yield f"{len(keys):,} {model._meta.verbose_name_plural} whose texts name them: {', '.join(keys)}"
