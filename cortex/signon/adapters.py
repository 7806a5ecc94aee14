"""Answers allauth's questions: which providers exist, who may sign in, and what a rejected person sees."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import clear_authentication_records
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthError
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from cortex.signon.admit import admit
from cortex.signon.limits import begin_try, take_back
from cortex.signon.refusals import Refusal, answer, note_fault, reason_of


class AccountAdapter(DefaultAccountAdapter):
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
