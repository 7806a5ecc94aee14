"""Admit somebody whom a provider has vouched for: the user they are, or become. Never by an unverified address.

allauth could match users by e-mail as well, but then takes their password away (they might have been signed up by
somebody else, which cannot happen here: only administrators, imports and this module make users), and keeps addresses
of its own beside the user's.
"""

import unicodedata
from typing import Any

from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import settings
from django.db import IntegrityError, transaction

from cortex.models import User
from cortex.signon.refusals import Refusal

GMAIL = ("gmail.com", "googlemail.com")
NAME_CHARACTERS = 80  # what the user's columns hold


def admit(sociallogin: SocialLogin) -> None:
    """Give the login its user. Raises Refusal."""
    if sociallogin.state.get("process") != "login":
        raise Refusal("not_offered")  # to link one's account to any other one would go round all that follows
    if sociallogin.is_existing:
        return  # known by the provider's own id, whatever the address is by now
    email = claimed_email(sociallogin)
    if not is_verified(sociallogin, email):
        raise Refusal("unverified_email", identifier=email)
    try:
        _link(sociallogin, email)
    except IntegrityError:
        # The same person came by another tab at the same moment, and is there by now.
        if not sociallogin._lookup_by_socialaccount():
            _link(sociallogin, email)


def claimed_email(sociallogin: SocialLogin) -> str:
    """What the provider says the address is; the first where there are several, and "" where there is none."""
    addresses = sociallogin.email_addresses
    return User.objects.normalize_email(addresses[0].email) if addresses else ""


def is_verified(sociallogin: SocialLogin, email: str) -> bool:
    """Whether the provider vouches for the address, and may."""
    claims = sociallogin.account.extra_data
    if not email or _was_folded(claims, email):
        return False
    domain = email.rpartition("@")[2]
    if sociallogin.provider.id == "saml":
        # SAML has no claim for it. The directory of our own company knows its own people's addresses, and no others.
        said = claims.get("email_verified") or ["true"]
        return domain in settings.SIGN_ON_DOMAINS and str(said[0]).lower() == "true"
    # Some providers send texts, which allauth hands on before 65.22: "false" is one too, and not empty.
    if str(sociallogin.email_addresses[0].verified).lower() != "true":
        return False
    if sociallogin.provider.id == "google":
        # A private Google account may bear any address that was once confirmed, or an alias of one (ann+x@…).
        # Google speaks for its own domain and for those of Workspace, which it names in `hd`.
        return domain in GMAIL or str(claims.get("hd", "")).lower() == domain
    return True


def _was_folded(claims: Any, email: str) -> bool:
    """Whether the address had other letters before allauth put it into lower case: the sign of Kelvin becomes a "k"."""
    if isinstance(claims, dict):
        return any(_was_folded(claim, email) for claim in claims.values())
    if isinstance(claims, list):
        return any(_was_folded(claim, email) for claim in claims)
    return isinstance(claims, str) and not claims.isascii() and claims.strip().lower() == email


def _link(sociallogin: SocialLogin, email: str) -> None:
    account = sociallogin.account
    with transaction.atomic():
        user = User.objects.select_for_update().filter(email=email).first()
        if user is None:
            user = _new_user(sociallogin, email)
        elif not user.is_active:
            raise Refusal("inactive", identifier=email, user=user)
        elif SocialAccount.objects.filter(user=user, provider=account.provider).exists():
            # Another person at the provider: the address went to a successor.
            raise Refusal("linked_otherwise", identifier=email, user=user)
        account.user = user
        account.save()
    sociallogin.user = user


def _new_user(sociallogin: SocialLogin, email: str) -> User:
    if email.rpartition("@")[2] not in settings.SIGN_ON_DOMAINS:
        raise Refusal("domain_not_allowed", identifier=email)
    suggested: Any = sociallogin.user
    return User.objects.create_user(
        email,
        first_name=_name(suggested.first_name),
        last_name=_name(suggested.last_name),
    )  # no password, no rights: those are given here, not there


def _name(text: str) -> str:
    printable = "".join(letter for letter in text if unicodedata.category(letter) not in ("Cc", "Cs"))
    return printable.strip()[:NAME_CHARACTERS]
