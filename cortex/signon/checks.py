"""System checks: a provider that is half configured is off, and here is said why."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security)
def check_sign_on(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    problems: list[CheckMessage] = [
        Error(
            f"Sign-on by {provider.title} is off, because {' and '.join(provider.missing)} "
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
                f"Nobody can sign on by {provider.title}, because SIGN_ON_DOMAINS is not set.",
                hint="SAML calls no e-mail address verified; set the domains that the provider speaks for.",
                id="cortex.E002",
            )
            for provider in settings.SIGN_ON
            if provider.is_configured and provider.protocol == "saml"
        ]
    return problems
