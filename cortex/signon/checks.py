"""Checks the providers' settings: a provider with only some of its variables is off."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security)
def check_sign_on(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    problems: list[CheckMessage] = [
        Error(
            f"Sign-on with {provider.title} is off because {' and '.join(provider.missing)} "
            f"{'is' if len(provider.missing) == 1 else 'are'} not set.",
            hint=f"Set all of {', '.join(provider.variables)}, or none of them.",
            id="cortex.E001",
        )
        for provider in settings.SIGN_ON
        if provider.missing
    ]
    if not settings.SIGN_ON_DOMAINS:
        problems += [
            Error(
                f"Nobody can sign in with {provider.title} because SIGN_ON_DOMAINS is not set.",
                hint="SAML does not say which e-mail addresses are verified: set SIGN_ON_DOMAINS to the domains "
                "that the provider is trusted for.",
                id="cortex.E002",
            )
            for provider in settings.SIGN_ON
            if provider.is_configured and provider.protocol == "saml"
        ]
    return problems
