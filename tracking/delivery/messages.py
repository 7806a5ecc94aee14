"""Says in one sentence what an alert is about, and as JSON everything that is known of it."""

import datetime as dt
import json
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.serializers.json import DjangoJSONEncoder
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from tracking.conf import conf
from tracking.delivery.successes import successes_around
from tracking.hashes import shortened
from tracking.models import SecurityAlert
from tracking.naming import app_label
from tracking.words import evidence_text, moment_text, place_text, text_of, where_texts

Kind = SecurityAlert.Kind
# A name in a sentence is cut to this length.
NAME_CHARACTERS = 100


def plain(text: Any) -> str:
    """Return one line without control characters, and without what mail programs turn into a link."""
    visible = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in str(text))
    return " ".join(visible.replace("://", ": //").split())


def user_of(alert: SecurityAlert) -> Any:
    """Return the user of an alert; None if there is none, or no longer."""
    if alert.user_id is None:
        return None
    model: Any = get_user_model()
    return model._base_manager.filter(pk=alert.user_id).first()


def who(alert: SecurityAlert) -> str:
    user = user_of(alert)
    name = user.get_username() if user else shortened(alert.identifier)
    return plain(name)[:NAME_CHARACTERS] or gettext("an unknown user")


def where(alert: SecurityAlert) -> str:
    return alert.ip_address or gettext("an unknown address")


def device_of(alert: SecurityAlert) -> str:
    """Return browser, system and kind of device. The client has said them, so a dot may not make them an address."""
    facts = _facts(alert)
    names = [plain(facts.get(key) or "")[:NAME_CHARACTERS].replace(".", " ") for key in ("browser", "os")]
    kind = str(facts.get("device_type") or "")
    return ", ".join(filter(None, [*names, text_of(kind) if kind else ""])) or gettext("an unknown device")


def moment_of(alert: SecurityAlert) -> str:
    """Return when it was, with the time zone."""
    moment = alert.timestamp
    if not timezone.is_aware(moment):
        return f"{moment_text(moment)} {settings.TIME_ZONE}"
    local = timezone.localtime(moment)
    return f"{moment_text(local)} {local:%Z}"


def title(alert: SecurityAlert) -> str:
    """Return the severity, the kind and whom it is about: the subject of a mail."""
    about = where(alert) if alert.kind == Kind.SPRAYING else who(alert)
    return f"{alert.severity.label}: {alert.get_kind_display()}: {about}"


def sentence(alert: SecurityAlert) -> str:
    """Return what happened. Whether somebody got in is counted now, so a later attempt may say more."""
    return SENTENCES.get(alert.kind, _anything)(alert)


def link(path: str) -> str:
    """Return the address of a page of the site; "" without SITE_URL."""
    return f"{conf.SITE_URL.rstrip('/')}{path}" if conf.SITE_URL else ""


def link_to(alert: SecurityAlert) -> str:
    """Return the alert's page in analytics, or else in the admin; "" without SITE_URL, or if neither is mounted."""
    for page in ("analytics:alert", f"admin:{app_label()}_securityalert_change"):
        with suppress(NoReverseMatch):
            return link(reverse(page, args=[alert.pk]))
    return ""


def as_json(alert: SecurityAlert) -> bytes:
    """Return the alert as docs/tracking.md describes it."""
    user = user_of(alert)
    data = {
        "id": alert.pk,
        "kind": alert.kind,
        "severity": alert.severity.value,
        "state": alert.state,
        "title": title(alert),
        "text": sentence(alert),
        "user": {"id": str(user.pk), "name": user.get_username()} if user else None,
        "identifier": alert.identifier,
        "ip_address": alert.ip_address,
        "evidence": alert.evidence,
        "url": link_to(alert),
    }
    content = {"type": "security_alert.raised", "timestamp": _as_utc(alert), "data": data}
    return json.dumps(content, cls=DjangoJSONEncoder).encode()


def _as_utc(alert: SecurityAlert) -> str:
    moment = alert.timestamp
    aware = moment if timezone.is_aware(moment) else timezone.make_aware(moment)
    return aware.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def _burst(alert: SecurityAlert) -> str:
    failures = _count(alert, "account_failures") + 1  # the evidence is of the moment before
    tried = ngettext("%(n)s failed login for %(who)s", "%(n)s failed logins for %(who)s", failures)
    return gettext("%(tried)s %(within)s, the last one from %(where)s; %(outcome)s.") % {
        "tried": tried % {"n": failures, "who": who(alert)},
        "within": _within(alert),
        "where": where(alert),
        "outcome": _outcome(alert),
    }


def _spraying(alert: SecurityAlert) -> str:
    accounts = _count(alert, "network_accounts") + 1
    tried = ngettext("Failed logins for %(n)s account", "Failed logins for %(n)s accounts", accounts)
    return gettext("%(tried)s %(within)s from the network of %(where)s; %(outcome)s.") % {
        "tried": tried % {"n": accounts},
        "within": _within(alert),
        "where": where(alert),
        "outcome": _outcome(alert),
    }


def _entered(alert: SecurityAlert) -> str:
    failures = _count(alert, "account_failures")
    failed = ngettext("%(n)s failed login", "%(n)s failed logins", failures) % {"n": failures}
    return gettext("%(who)s signed in from %(where)s after %(failed)s %(within)s.") % {
        "who": who(alert),
        "where": where(alert),
        "failed": failed,
        "within": _within(alert),
    }


def _new_device(alert: SecurityAlert) -> str:
    values = {"who": who(alert), "device": device_of(alert), "where": where(alert)}
    return gettext("%(who)s signed in from %(where)s with a new device: %(device)s.") % values


def _new_country(alert: SecurityAlert) -> str:
    values = {
        "who": who(alert),
        "country": place_text(_facts(alert)),
        "where": where(alert),
        "device": device_of(alert),
    }
    return gettext("%(who)s signed in from a new country, %(country)s (%(where)s): %(device)s.") % values


def _travelled(alert: SecurityAlert) -> str:
    text = gettext("%(who)s signed in from %(where)s, too far from the login before: %(journey)s.")
    return text % {"who": who(alert), "where": where(alert), "journey": ", ".join(where_texts(_facts(alert)))}


def _reported(alert: SecurityAlert) -> str:
    text = gettext(
        "%(who)s says that a login from %(where)s was not theirs: %(device)s. Their sessions were ended."
    )
    return text % {"who": who(alert), "where": where(alert), "device": device_of(alert)}


def _anything(alert: SecurityAlert) -> str:
    return f"{alert.get_kind_display()}: {who(alert)}, {where(alert)}. {plain(evidence_text(alert.evidence))}".strip()


SENTENCES: dict[str, Callable[[SecurityAlert], str]] = {
    Kind.FAILURE_BURST: _burst,
    Kind.SPRAYING: _spraying,
    Kind.SUCCESS_AFTER_BURST: _entered,
    Kind.NEW_DEVICE: _new_device,
    Kind.NEW_COUNTRY: _new_country,
    Kind.IMPOSSIBLE_TRAVEL: _travelled,
    Kind.REPORTED: _reported,
}


def _within(alert: SecurityAlert) -> str:
    minutes = _count(alert, "window_minutes") or conf.ALERT_WINDOW_MINUTES
    return ngettext("within %(n)s minute", "within %(n)s minutes", minutes) % {"n": minutes}


def _outcome(alert: SecurityAlert) -> str:
    number = successes_around(alert)
    if not number:
        return gettext("none got in")
    return ngettext("%(n)s login succeeded", "%(n)s logins succeeded", number) % {"n": number}


def _facts(alert: SecurityAlert) -> dict[str, Any]:
    return alert.evidence if isinstance(alert.evidence, dict) else {}


def _count(alert: SecurityAlert, name: str) -> int:
    value = _facts(alert).get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
