"""Sends mail with Django's backend: about many alerts to the site's people, about a new device to its person."""

import datetime as dt
import smtplib
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMultiAlternatives
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext, ngettext

from tracking.conf import conf
from tracking.delivery import messages, not_me
from tracking.delivery.exceptions import NotNeeded, NotSent
from tracking.models import AlertChannel, AlertDelivery, SecurityAlert, database

# A mail lists this many alerts, the most severe and newest ones, and says how many more there are.
MOST_LISTED = 20
SEVERITIES = tuple(SecurityAlert.Severity.values)  # the highest first
# RFC 3834: so that no absence note answers.
HEADERS = {"Auto-Submitted": "auto-generated"}
PERMANENT = 500  # replies of SMTP from here on are final


def send_to_team(alerts: Sequence[SecurityAlert]) -> None:
    """Send one mail about these alerts to ALERT_MAIL. Raises NotSent."""
    ordered = sorted(alerts, key=lambda alert: (SEVERITIES.index(alert.severity), -alert.pk))
    with translation.override(settings.LANGUAGE_CODE):
        shown = [
            {
                "title": messages.title(alert),
                "sentence": messages.sentence(alert),
                "moment": messages.moment_of(alert),
                "link": messages.link_to(alert),
            }
            for alert in ordered[:MOST_LISTED]
        ]
        context = {"alerts": shown, "more": len(ordered) - len(shown), "site": messages.link("/")}
        _send(_subject(ordered), "tracking/mail/alerts", context, list(conf.ALERT_MAIL))


def _subject(alerts: Sequence[SecurityAlert]) -> str:
    if len(alerts) == 1:
        return messages.title(alerts[0])
    subject = ngettext("%(n)s security alert", "%(n)s security alerts", len(alerts)) % {"n": len(alerts)}
    return f"{subject}: {messages.title(alerts[0])}"


def send_to_person(delivery: AlertDelivery) -> None:
    """Tell a person of a login with a new device, with a link for "this was not me". Raises NotSent or NotNeeded."""
    alert = delivery.alert
    user = messages.user_of(alert)
    address = str(getattr(user, get_user_model().get_email_field_name(), "") or "") if user else ""
    if not address or not user.is_active or not is_about_a_new_device(alert) or was_told(delivery):
        raise NotNeeded
    if not conf.SITE_URL:
        raise NotSent("SITE_URL is not set")
    with translation.override(settings.LANGUAGE_CODE):
        path = reverse("tracking:not_me", args=[not_me.token_for(alert, user)])
        context = {
            "name": messages.who(alert),
            "moment": messages.moment_of(alert),
            "address": messages.where(alert),
            "device": messages.device_of(alert),
            "link": messages.link(path),
            "days": not_me.VALID_DAYS,
            "site": messages.link("/"),
        }
        subject = gettext("A new device has signed in to your account")
        _send(subject, "tracking/mail/new_device", context, [address])


def is_about_a_new_device(alert: SecurityAlert) -> bool:
    also = alert.evidence.get("also") if isinstance(alert.evidence, dict) else None
    kind = SecurityAlert.Kind.NEW_DEVICE
    return alert.kind == kind or (isinstance(also, list) and kind in also)


def was_told(delivery: AlertDelivery) -> bool:
    """Tell whether the person gets a mail about this device already, within ALERT_NEW_DEVICE_DAYS.

    Two logins at the same moment both raise an alert. The earlier delivery counts, whichever sender is faster.
    """
    alert = delivery.alert
    evidence: dict[str, Any] = alert.evidence if isinstance(alert.evidence, dict) else {}
    same = {f"alert__evidence__{key}": evidence.get(key, "") for key in ("device_type", "browser", "os")}
    since = alert.timestamp - dt.timedelta(days=conf.ALERT_NEW_DEVICE_DAYS)
    told = AlertDelivery.objects.using(database()).filter(
        Q(state=AlertDelivery.State.SENT) | Q(state=AlertDelivery.State.PENDING, pk__lt=delivery.pk),
        channel=AlertChannel.Name.PERSON,
        alert__user=alert.user_id,
        alert__timestamp__gt=since,
        **same,
    )
    return bool(told.exclude(pk=delivery.pk).exists())


def _send(subject: str, template: str, context: dict[str, Any], to: list[str]) -> None:
    text = render_to_string(f"{template}.txt", context)
    mail = EmailMultiAlternatives(messages.plain(subject), text, to=to, headers=HEADERS)
    mail.attach_alternative(render_to_string(f"{template}.html", context), "text/html")
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [int(code) for code, _ in error.recipients.values()]
        raise NotSent(
            "the mail server refused the address", is_final=min(codes) >= PERMANENT, is_away=False
        ) from None
    except smtplib.SMTPResponseException as error:
        raise NotSent(f"the mail server answered with {error.smtp_code}") from None
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise NotSent(f"the mail could not be sent ({type(error).__name__})") from None
