"""Settings of tracking: the dict `TRACKING`. Every key is optional, and read at each access."""

from typing import Any

from django.conf import settings


class Defaults:
    # The beginning of the names of tables and indexes. Choose it before the first `migrate`.
    TABLE_PREFIX: str = ""
    # "direct" writes into the database after the view. "stream" adds to a Redis stream, which `drain_events` empties.
    WRITER: str = "direct"
    # The folder in which events wait while the database is away. None: a folder below the system's temporary folder,
    # which a restart may empty.
    SPOOL_DIR: str | None = None
    # A login waits this long for a lock in the database; after that the event is spooled.
    LOCK_TIMEOUT_MS: int = 150
    # After a fault, events go straight to the spool for this long.
    PAUSE_AFTER_FAULT_SECONDS: float = 1.0

    # The number of your own proxies in front of the site: that many entries from the right of X-Forwarded-For are
    # trusted.
    TRUSTED_PROXY_COUNT: int = 0
    # Leading bits of an IP address that are stored; None: all of them.
    IP_BITS_V4: int | None = None
    IP_BITS_V6: int | None = None

    # Maps the dotted path of an authentication backend to the name of its login method.
    BACKEND_METHODS: dict[str, str] = {}
    # Maps a provider of allauth to the name of its login method, such as {"saml": "okta_saml"}.
    PROVIDER_METHODS: dict[str, str] = {}

    # `last_seen_at` of a session is written at most once in this time.
    TOUCH_SECONDS: float = 60.0
    # A process learns within this time that another process ended a session.
    REVOCATION_SECONDS: float = 4.0
    # How often a process ends expired sessions.
    CLEANUP_SECONDS: float = 600.0

    # The stream writer: the URL of Redis (or the alias of a django-redis cache), and the name of the stream.
    STREAM_URL: str = ""
    STREAM_CACHE: str = "default"
    STREAM_KEY: str = "tracking:events"

    # Larger metadata of an activity is replaced by a note about its size.
    METADATA_MAX_BYTES: int = 8_192

    # Alerts: failures of one account, and accounts tried from one network, within this many minutes.
    ALERT_WINDOW_MINUTES: int = 15
    ALERT_ACCOUNT_FAILURES: int = 10
    ALERT_NETWORK_ACCOUNTS: int = 20
    # A device is new if the user did not log in with it for this long.
    ALERT_NEW_DEVICE_DAYS: int = 90
    # Databases of the MMDB format that tell the country of an address: a path, or a list of paths of which the first
    # that knows an address counts. None: countries are not recorded.
    GEO_DATABASE: Any = None
    # Whether a login from a country that is new for the user within ALERT_NEW_DEVICE_DAYS raises an alert.
    ALERT_NEW_COUNTRY: bool = True
    # Whoever would have travelled faster than this since the login before is not one person. None: not looked at.
    ALERT_TRAVEL_KMH: float | None = 900

    # Who learns of alerts, from `manage.py send_alerts`: addresses that get a mail, and an https address that gets each
    # alert as signed JSON.
    ALERT_MAIL: list[str] = []
    ALERT_WEBHOOK_URL: str = ""
    # The secret that signs it: whsec_ and the base64 text of 24 to 64 random bytes. While it is rotated: the new and
    # the old one, with a blank between them.
    ALERT_WEBHOOK_SECRET: str = ""
    # Names of hosts that may have an address of a private network, and may be called by http. Every other host with
    # such an address is refused: its name may have been pointed at a service that only this machine can reach.
    ALERT_WEBHOOK_PRIVATE_HOSTS: list[str] = []
    # Alerts that are less severe are not sent: "low", "medium" or "high".
    ALERT_MIN_SEVERITY: str = "medium"
    # Whether people get a mail when somebody signs in to their account with a new device.
    NEW_DEVICE_MAIL: bool = False
    # Where the site is, for links in what is sent, such as "https://www.example.com".
    SITE_URL: str = ""

    # `prune_events` deletes rows older than this many days. None: rows are kept forever.
    LOGIN_EVENT_DAYS: int | None = 400
    ACTIVITY_DAYS: int | None = 400
    SESSION_DAYS: int | None = 400
    ALERT_DAYS: int | None = 400


class Conf(Defaults):
    """`conf.NAME` is the site's value or the default. It is read at each access, so `override_settings` works."""

    def __getattribute__(self, name: str) -> Any:
        if name.isupper():
            site = getattr(settings, "TRACKING", {})
            if name in site:
                return site[name]
        return super().__getattribute__(name)


conf = Conf()
KEYS = frozenset(name for name in vars(Defaults) if name.isupper())
