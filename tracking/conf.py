"""Settings of tracking: one dict, `TRACKING`, every key optional and read at each use."""

from typing import Any

from django.conf import settings


class Defaults:
    # "direct": into the database, after the view. "stream": onto a Redis stream, which `drain_events` empties.
    WRITER: str = "direct"
    # Where events wait while the database is away. None: a folder in the temporary one, which a restart may empty.
    SPOOL_DIR: str | None = None
    # The longest that a login may wait for a lock of the database; past it the event is spooled.
    LOCK_TIMEOUT_MS: int = 150
    # After a fault, events go to the spool without another try for so long.
    PAUSE_AFTER_FAULT_SECONDS: float = 1.0

    # How many proxies of your own stand in front: that many entries from the right of X-Forwarded-For are trusted.
    TRUSTED_PROXY_COUNT: int = 0
    # Parts of an address that are kept, in bits; None: all of it.
    IP_BITS_V4: int | None = None
    IP_BITS_V6: int | None = None

    # Name of a login method by the dotted path of its authentication backend.
    BACKEND_METHODS: dict[str, str] = {}
    # Name of a login method by allauth's provider, such as {"saml": "okta_saml"}.
    PROVIDER_METHODS: dict[str, str] = {}

    # `last_seen_at` is written once in so long for each session.
    TOUCH_SECONDS: float = 60.0
    # How long a process may not know of a session that another one ended.
    REVOCATION_SECONDS: float = 4.0
    # How often a process looks for sessions that have expired.
    CLEANUP_SECONDS: float = 600.0

    # The stream writer: where Redis is (or the alias of a django-redis cache), and the stream's name.
    STREAM_URL: str = ""
    STREAM_CACHE: str = "default"
    STREAM_KEY: str = "tracking:events"

    # Larger metadata of an activity is replaced by a note that says so.
    METADATA_MAX_BYTES: int = 8_192

    # Alerts: failures of one account, accounts tried from one network, within so many minutes.
    ALERT_WINDOW_MINUTES: int = 15
    ALERT_ACCOUNT_FAILURES: int = 10
    ALERT_NETWORK_ACCOUNTS: int = 20
    # A device is new to a user who did not log in with it for so long.
    ALERT_NEW_DEVICE_DAYS: int = 90

    # What `prune_events` deletes, in days. None: kept for ever.
    LOGIN_EVENT_DAYS: int | None = 400
    ACTIVITY_DAYS: int | None = 400
    SESSION_DAYS: int | None = 400
    ALERT_DAYS: int | None = 400


class Conf(Defaults):
    """`conf.NAME` is the site's value, or the default; read each time, so `override_settings` works."""

    def __getattribute__(self, name: str) -> Any:
        if name.isupper():
            site = getattr(settings, "TRACKING", {})
            if name in site:
                return site[name]
        return super().__getattribute__(name)


conf = Conf()
KEYS = frozenset(name for name in vars(Defaults) if name.isupper())
