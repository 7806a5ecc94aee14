"""Checks for settings with which alerts would reach nobody, or the wrong ones."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.urls import NoReverseMatch, reverse

from tracking.conf import conf
from tracking.delivery import webhook
from tracking.delivery.connection import Target
from tracking.delivery.outbox import switched_on
from tracking.models import SecurityAlert

SMTP = "django.core.mail.backends.smtp.EmailBackend"
MAKE_ONE = "python -c \"import base64, secrets; print('whsec_' + base64.b64encode(secrets.token_bytes(32)).decode())\""


def check_delivery(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    return [*_lists(), *_severity(), *_webhook(), *_site_url(), *_person(), *_mail_server()]


def _lists() -> Iterator[CheckMessage]:
    for name in ("ALERT_MAIL", "ALERT_WEBHOOK_PRIVATE_HOSTS"):
        value = getattr(conf, name)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
            yield Error(
                f'TRACKING["{name}"] is {value!r}, which is not a list of texts.',
                hint='Use a list, such as ["security@example.com"] or ["alerts.internal"].',
                id="tracking.E008",
            )
            return
    for address in conf.ALERT_MAIL:
        try:
            validate_email(address)
        except ValidationError:
            yield Error(
                f'TRACKING["ALERT_MAIL"] has "{address}", which is not a valid e-mail address.',
                hint='Use addresses such as "security@example.com".',
                id="tracking.E008",
            )


def _severity() -> Iterator[CheckMessage]:
    if conf.ALERT_MIN_SEVERITY not in SecurityAlert.Severity.values:
        yield Error(
            f'TRACKING["ALERT_MIN_SEVERITY"] is "{conf.ALERT_MIN_SEVERITY}", which is not a valid severity.',
            hint='Use "low", "medium" or "high".',
            id="tracking.E009",
        )


def _webhook() -> Iterator[CheckMessage]:
    """Check the webhook. No message quotes the address, because many receivers have a secret in it."""
    if not conf.ALERT_WEBHOOK_URL:
        return
    try:
        target = Target.of(str(conf.ALERT_WEBHOOK_URL))
        is_allowed = target.scheme == "https" or target.host in conf.ALERT_WEBHOOK_PRIVATE_HOSTS
    except (ValueError, TypeError):
        is_allowed = False
    if not is_allowed:
        yield Error(
            'TRACKING["ALERT_WEBHOOK_URL"] is not an address that alerts can be sent to.',
            hint="Use an https address without a user name. http is allowed for hosts of ALERT_WEBHOOK_PRIVATE_HOSTS.",
            id="tracking.E010",
        )
    try:
        webhook.keys()
    except ValueError:
        yield Error(
            'TRACKING["ALERT_WEBHOOK_SECRET"] is not a secret that alerts can be signed with.',
            hint=f"Use whsec_ and the base64 text of 24 to 64 random bytes: {MAKE_ONE}",
            id="tracking.E011",
        )


def _site_url() -> Iterator[CheckMessage]:
    if conf.SITE_URL:
        try:
            target = Target.of(str(conf.SITE_URL))
        except ValueError:
            target = None
        if target is None or target.path != "/":
            yield Error(
                f'TRACKING["SITE_URL"] is "{conf.SITE_URL}", which is not the address of a site.',
                hint='Use scheme and host, such as "https://www.example.com".',
                id="tracking.E012",
            )
    elif conf.NEW_DEVICE_MAIL:
        yield Error(
            'TRACKING["NEW_DEVICE_MAIL"] is on, but TRACKING["SITE_URL"] is not set.',
            hint='Set it, such as "https://www.example.com": the mail has a link to the site.',
            id="tracking.E013",
        )
    elif switched_on():
        yield CheckWarning(
            'Alerts are sent, but TRACKING["SITE_URL"] is not set.',
            hint='Set it, such as "https://www.example.com"; otherwise nothing that is sent has a link.',
            id="tracking.W006",
        )


def _person() -> Iterator[CheckMessage]:
    if not conf.NEW_DEVICE_MAIL:
        return
    try:
        reverse("tracking:not_me", args=["x"])
    except NoReverseMatch:
        yield Error(
            'TRACKING["NEW_DEVICE_MAIL"] is on, but the page behind its link has no address.',
            hint='Add path("account/devices/", include("tracking.urls")) to the URLconf.',
            id="tracking.E014",
        )


def _mail_server() -> Iterator[CheckMessage]:
    if not (conf.ALERT_MAIL or conf.NEW_DEVICE_MAIL) or getattr(settings, "EMAIL_BACKEND", "") != SMTP:
        return
    if getattr(settings, "EMAIL_TIMEOUT", None) is None:
        yield CheckWarning(
            "Alerts are sent by mail, but EMAIL_TIMEOUT is not set.",
            hint="Set EMAIL_TIMEOUT = 10; otherwise a mail server that does not answer stops the sender.",
            id="tracking.W007",
        )
