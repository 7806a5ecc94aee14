"""Erase a user from the site's own tables: sign-on accounts, sessions, caches. POVs and TRRs stay, and are told."""

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
# Where people write about people.
TEXTS: dict[Any, tuple[str, ...]] = {
    Pov: ("title", "customer", "industry", "success_criteria"),
    Trr: ("title", "findings", "mitigation"),
}


def erase_user(user: User) -> dict[str, list[str]]:
    """Lines of what was "erased", and of what "stays"."""
    accounts = SocialAccount.objects.filter(user=user)
    addresses = EmailAddress.objects.filter(user=user)
    erased = [
        f"{accounts.count():,} accounts of sign-on providers, with their tokens",
        f"{addresses.count():,} e-mail addresses",
    ]
    with transaction.atomic():
        accounts.delete()
        addresses.delete()
        for alias, group in (("users", f"users:{user.pk}"), ("lists", "povs"), ("lists", "trrs")):
            transaction.on_commit(partial(invalidate, alias, group))
    erased.append(f"{_delete_sessions(user):,} sessions")
    return {"erased": erased, "stays": [*_owned(user), *_naming(user)]}


def _delete_sessions(user: User) -> int:
    """Whose a session is, stands in its data alone: each one is read."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    key = user._meta.pk.value_to_string(user)
    deleted = 0
    for page in in_pages(Session.objects.all(), PAGE):
        own = [session for session in page if session.get_decoded().get(SESSION_KEY) == key]
        for session in own:
            store(session.session_key).delete()  # from the cache as well
        deleted += len(own)
    return deleted


def _owned(user: User) -> Iterator[str]:
    if povs := Pov.objects.filter(owner=user).count():
        yield f"{povs:,} POVs that they own; give them another owner before the account is deleted"
    if trrs := Trr.objects.filter(assessor=user).count():
        yield f"{trrs:,} TRRs that they assess, until the account is deleted"


def _naming(user: User) -> Iterator[str]:
    """Texts about work, which nobody but their authors can rewrite."""
    person = Person.of(user)
    for model, columns in TEXTS.items():
        found = [
            str(row.pk)
            for page in pages_that_may_name(model.objects.all(), person, *columns, size=PAGE)
            for row in page
            if any(person.is_named_in(getattr(row, name)) for name in columns)
        ]
        if found:
            yield f"{len(found):,} {model._meta.verbose_name_plural} whose texts name them: {', '.join(found)}"
