"""Finds or creates the user of a person who signed in at a provider, by verified e-mail addresses only.

allauth can match users by e-mail as well. But it then removes their password, in case another person signed up with the
address. That cannot happen here: only administrators, imports and this module create users. It also keeps e-mail
addresses of its own beside the user's.
"""

import unicodedata
from typing import Any

from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import settings
from django.db import IntegrityError, transaction

from cortex.models import User
from cortex.signon.refusals import Refusal

GMAIL = ("gmail.com", "googlemail.com")
NAME_CHARACTERS = 80  # max_length of the user's columns


def admit(sociallogin: SocialLogin) -> None:
    """Sets the user of a login at a provider. Raises Refusal."""
    if sociallogin.state.get("process") != "login":
        raise Refusal("not_offered")  # linking an account to another user would bypass all checks below
    if sociallogin.is_existing:
        return  # found by the provider's own id; the address may have changed
    email = claimed_email(sociallogin)
    if not is_verified(sociallogin, email):
        raise Refusal("unverified_email", identifier=email)
    try:
        _link(sociallogin, email)
    except IntegrityError:
        # The same person signed in from another tab at the same moment, which created the user or the account.
        # Private API: allauth's public `lookup` would also match by e-mail. No test reaches this line, only the race:
        # compare it with `SocialLogin.lookup` at each update of allauth.
        if not sociallogin._lookup_by_socialaccount():
            _link(sociallogin, email)


def claimed_email(sociallogin: SocialLogin) -> str:
    """Returns the provider's first e-mail address, in lower case; "" if there is none."""
    addresses = sociallogin.email_addresses
    return User.objects.normalize_email(addresses[0].email) if addresses else ""


def is_verified(sociallogin: SocialLogin, email: str) -> bool:
    """Whether the provider has verified the address, and this site trusts it for the address' domain."""
    claims = sociallogin.account.extra_data
    if not email or _was_lowered(claims, email):
        return False
    domain = email.rpartition("@")[2]
    if sociallogin.provider.id == "saml":
        # SAML has no claim for it. A company's directory knows the addresses of its own people, and no others.
        verified = claims.get("email_verified") or ["true"]
        return domain in settings.SIGN_ON_DOMAINS and str(verified[0]).lower() == "true"
    # Some providers send text, and allauth before 65.22 passes it on: the text "false" would be true.
    if str(sociallogin.email_addresses[0].verified).lower() != "true":
        return False
    if sociallogin.provider.id == "google":
        # A private Google account may have any address that was once confirmed, or an alias of one (ann+x@…).
        # Google is trusted for its own domain and for the Workspace domain that it names in `hd`.
        return domain in GMAIL or str(claims.get("hd", "")).lower() == domain
    return True


def _was_lowered(claims: Any, email: str) -> bool:
    """Whether a non-ASCII address became this one in lower case, as the Kelvin sign becomes a "k"."""
    if isinstance(claims, dict):
        return any(_was_lowered(claim, email) for claim in claims.values())
    if isinstance(claims, list):
        return any(_was_lowered(claim, email) for claim in claims)
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
            # Another account at the provider has this address now: it may belong to a successor.
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
    )  # without password and rights: administrators of this site give those, not the provider


def _name(text: str) -> str:
    printable = "".join(letter for letter in text if unicodedata.category(letter) not in ("Cc", "Cs"))
    return printable.strip()[:NAME_CHARACTERS]
