"""Answers allauth's questions: which providers exist, who may sign in, and what a rejected person sees."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import clear_authentication_records
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthError
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cortex.signon.admit import admit
from cortex.signon.limits import begin_try, take_back
from cortex.signon.refusals import Refusal, answer, note_fault, reason_of

# Django's own sentence spells it "email", unlike the labels of the pages.
INVALID_ADDRESS = gettext_lazy("Enter a valid e-mail address.")


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": gettext_lazy("The e-mail address or the password is not correct."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        begin_try(request, credentials.get("email", ""))

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        user = super().authenticate(request, **credentials)
        if user:
            take_back(request, credentials.get("email", ""))
        return user

    def pre_login(self, request: HttpRequest, user: Any, **options: Any) -> HttpResponse | None:
        sociallogin = (options.get("signal_kwargs") or {}).get("sociallogin")
        if sociallogin and not user.is_active:  # for a password, Django reports it itself
            # Otherwise the next login in this browser would be recorded with this one's method. Private API: allauth
            # has no public way to undo its record of a login. If it changes, this breaks first:
            # tests/cortex/signon/test_oidc.py::test_a_login_is_called_after_itself_and_not_after_another_one
            clear_authentication_records(request)
            refusal = Refusal("inactive", identifier=user.email, user=user)
            return answer(request, sociallogin.account.get_provider(request), refusal)
        return super().pre_login(request, user, **options)

    def is_safe_url(self, url: str | None) -> bool:
        """Rejects addresses that cannot be parsed, such as `http://[`, which allauth answers with an error."""
        try:
            return bool(super().is_safe_url(url))
        except ValueError:
            return False

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("home")

    def send_password_reset_mail(self, user: Any, email: str, context: dict[str, Any]) -> None:
        """Tells people without a password where they sign in: a password would bypass the provider's second factor.

        Sends to the user's own address, not to the one that was entered, which may only look alike.
        """
        if user.has_usable_password():
            super().send_password_reset_mail(user, user.email, context)
            return
        login_url = context["request"].build_absolute_uri(reverse("account_login"))
        more = {"providers": _providers_of(user), "login_url": login_url}
        self.send_mail("account/email/sign_on", user.email, context | more)


def _providers_of(user: Any) -> str:
    """Returns the names of the providers that the user has signed in with and that are on; "" for none."""
    linked = set(SocialAccount.objects.filter(user=user).values_list("provider", flat=True))
    titles = [
        provider.title
        for provider in settings.SIGN_ON
        if provider.is_configured and provider.method in linked
    ]
    return get_text_list(titles, _("or"))


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Lists the providers of the settings, without a query. Rows of the table SocialApp let nobody in."""
        apps = [
            SocialApp(
                provider=configured.protocol,
                provider_id=configured.method,
                name=configured.title,
                client_id=configured.client_id,
                secret=configured.secret,
                settings=dict(configured.settings or {}),
            )
            for configured in settings.SIGN_ON
            if configured.is_configured
        ]
        return [
            app
            for app in apps
            if provider in (None, app.provider, app.provider_id) and client_id in (None, app.client_id)
        ]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False  # `pre_social_login` has created a user for everybody who may sign in

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        try:
            admit(sociallogin)
        except Refusal as refusal:
            raise ImmediateHttpResponse(answer(request, sociallogin.provider, refusal)) from None

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        context = extra_context or {}
        if error == AuthError.CANCELLED:
            reason = "cancelled"
        else:
            reason = reason_of(exception, context)
            note_fault(provider, reason, exception, context)
        raise ImmediateHttpResponse(answer(request, provider, Refusal(reason)))
