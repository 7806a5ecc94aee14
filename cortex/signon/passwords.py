"""Resets and changes passwords on allauth's pages, with the site's limits, and without telling who has an account.

Each address that somebody enters gets one mail, so neither the answer nor the time it takes says who has an account.
"""

import logging
import smtplib
from typing import Any, cast

from allauth.account import views as account
from allauth.account.adapter import get_adapter
from allauth.account.forms import ResetPasswordForm
from allauth.account.signals import password_reset as was_reset
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from cortex.models import User
from cortex.signon.adapters import INVALID_ADDRESS
from cortex.signon.limits import count_mail, forgive, guards_old_password, limits_resets, refusal

logger = logging.getLogger("cortex.signon")
MAIL_IS_DOWN = (smtplib.SMTPException, OSError)


class ResetForm(ResetPasswordForm):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["email"].error_messages["invalid"] = INVALID_ADDRESS

    def clean_email(self) -> str:
        email = str(super().clean_email())
        count_mail(email)
        return email

    def save(self, request: HttpRequest, **options: Any) -> str:
        if self.users:
            return str(super().save(request, **options))
        # Not allauth's own mail for strangers, which offers a sign-up.
        email = str(self.cleaned_data["email"])
        get_adapter(request).send_mail("account/email/unknown_account", email, {})
        return email


@never_cache
@limits_resets
def reset(request: HttpRequest) -> HttpResponseBase:
    try:
        return cast(HttpResponseBase, account.password_reset(request))
    except MAIL_IS_DOWN as error:
        logger.error("No mail could be sent: %s", " ".join(str(error).split())[:300])
        return refusal(
            request,
            _("The site cannot send mail at the moment. Try again later, or ask an administrator."),
            status=503,
            title=_("No mail was sent"),
        )


@receiver(was_reset, dispatch_uid="cortex.signon.passwords")
def after_reset(sender: Any, request: HttpRequest, user: User, **details: Any) -> None:
    """Lets the person sign in at once, however often they guessed before, and ends a session of this browser."""
    forgive(request, user.get_username())
    if request.user.is_authenticated:
        logout(request)


@never_cache
@login_required
def change(request: HttpRequest) -> HttpResponseBase:
    """Changes one's own password. People who sign in at a provider have none here."""
    if not cast(User, request.user).has_usable_password():
        return render(request, "account/no_password.html")
    return _change(request)


_change = guards_old_password(account.password_change)
