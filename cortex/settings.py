from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from cortex import env
from cortex.embedded.state import running_urls
from cortex.monitoring import logs
from cortex.signon import providers

BASE_DIR = Path(__file__).resolve().parent.parent

env.read_file(BASE_DIR / ".env")
LOCAL_DIR = Path(env.text("CORTEX_LOCAL_DIR", str(BASE_DIR / ".local")))
embedded = running_urls(LOCAL_DIR)

# -- security ---------------------------------------------------------------------------------------------------------

DEBUG = env.flag("DEBUG", default=False)

IN_DEVELOPMENT = env.is_for_development()
SECRET_KEY = env.secret_key(
    "SECRET_KEY",
    development_default="for-development-only-" + "0" * 40 if IN_DEVELOPMENT else None,
)
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")

SERVED_OVER_HTTPS = env.flag("SERVED_OVER_HTTPS", default=False)
if SERVED_OVER_HTTPS and IN_DEVELOPMENT:
    raise ImproperlyConfigured(
        "SERVED_OVER_HTTPS is on, but DEBUG is on or DATABASE_URL is not set, as on a developer's machine. "
        "Turn DEBUG off and set DATABASE_URL, or unset SERVED_OVER_HTTPS."
    )
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SERVED_OVER_HTTPS
SECURE_HSTS_SECONDS = env.number("HSTS_SECONDS", default=365 * 24 * 3600) if SERVED_OVER_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SERVED_OVER_HTTPS and env.flag("HSTS_SUBDOMAINS", default=True)
# HSTS preload is hard to undo, so the domain's owner must opt in.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
# Only behind a proxy of ours that overwrites the header: anybody can send it.
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("TRUST_X_FORWARDED_PROTO", default=False) else None
)

# -- apps, middleware, templates --------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "cortex.apps.CortexConfig",  # before staticfiles, because its `runserver` checks the database first
    "importer.apps.ImporterConfig",
    "tracking.apps.TrackingConfig",
    "analytics.apps.AnalyticsConfig",
    "cortex.apps.CortexAdminConfig",  # Django's admin, with an index of our own
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "procrastinate.contrib.django",  # the task queue, on the same database
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.socialaccount.providers.saml",
]
MIDDLEWARE = [
    "cortex.monitoring.probes.answer_probes",  # first: probes come without host name, cookie and HTTPS
    "django.middleware.security.SecurityMiddleware",
    "cortex.content_security.content_security_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tracking.middleware.TrackingMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "cortex.signon.provider_faults.answer_faults",
    "cortex.signon.device.remember_device",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_user_agents.middleware.UserAgentMiddleware",
]
# No cache: it would store a pickle for every User-Agent that a stranger sends.
USER_AGENTS_CACHE = None
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
ROOT_URLCONF = "cortex.urls"
WSGI_APPLICATION = "cortex.wsgi.application"
ASGI_APPLICATION = "cortex.asgi.application"

# -- databases and caches ---------------------------------------------------------------------------------------------

# Under ASGI each request may have its own thread, whose connection would stay open: `cortex.asgi` sets 0.
KEEP_CONNECTIONS = {"CONN_MAX_AGE": env.number("CONN_MAX_AGE", default=60), "CONN_HEALTH_CHECKS": True}
DATABASE_POOLED = env.flag("DATABASE_POOLED", default=False)
DATABASES: dict[str, dict[str, Any]] = {}
if default_database := env.database(
    "DATABASE_URL", default=embedded.database_url, completed_by="DATABASE_PASSWORD"
):
    DATABASES["default"] = default_database | KEEP_CONNECTIONS
    # A transaction pooler gives each transaction another connection, so a cursor does not outlive its transaction.
    DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = DATABASE_POOLED
if legacy_database := env.database(
    "LEGACY_DATABASE_URL", schemes=env.ANY_DATABASE, completed_by="LEGACY_DATABASE_PASSWORD", of_others=True
):
    DATABASES["legacy"] = legacy_database
if DATABASES and "default" not in DATABASES:
    DATABASES["default"] = {}  # Django's placeholder for a missing database
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Seconds that each kind of data stays fresh, for example in `caches["lists"]`; see docs/cache.md.
CACHE_LIFETIMES = {"default": 300, "users": 300, "analytics": 600, "lists": 120, "sessions": 7 * 24 * 3600}
redis = env.redis_url("REDIS_URL", default=embedded.redis_url, completed_by="REDIS_PASSWORD")
# A separate Redis that evicts nothing: a full cache must not sign anybody out.
sessions_redis = env.redis_url("SESSIONS_REDIS_URL", completed_by="SESSIONS_REDIS_PASSWORD") or redis


def cache_alias(alias: str, lifetime: int) -> dict[str, Any]:
    location = sessions_redis if alias == "sessions" else redis
    if not location:
        return {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": alias,
            "TIMEOUT": lifetime,
        }
    # A session is one key, which nobody invalidates by group, and clearing the cache must not sign everybody out. A
    # logout must hold even if Redis is away at that moment.
    is_sessions = alias == "sessions"
    options = {"ALIAS": alias, "GROUPS": not is_sessions, "OUTBOX": is_sessions}
    return {
        "BACKEND": "cortex.cache.ResilientRedisCache",
        "LOCATION": location,
        "KEY_PREFIX": alias,
        "TIMEOUT": lifetime,
        "OPTIONS": options | {"CONNECTION_FACTORY": "cortex.cache.redis.pool.AliasConnectionFactory"},
    }


CACHES = {alias: cache_alias(alias, lifetime) for alias, lifetime in CACHE_LIFETIMES.items()}
SESSION_CACHE_ALIAS = "sessions"
SESSION_COOKIE_AGE = CACHE_LIFETIMES["sessions"]
SESSION_ENGINE = "cortex.sessions"

# -- metrics ----------------------------------------------------------------------------------------------------------

# Requests to /metrics send it as `Authorization: Bearer …`. Without a token the page is 404.
METRICS_TOKEN = env.secret("METRICS_TOKEN")

# -- people -----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "cortex.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# Not the admin's login page, which lets in only people who may use the admin.
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"

# -- sign-on: each provider is off until all of its variables are set; see docs/signon.md ------------------------------

# Everybody with a verified address in these domains may sign in; all others need an account first.
SIGN_ON_DOMAINS = env.domains("SIGN_ON_DOMAINS")
SIGN_ON = [
    providers.google(
        {
            "GOOGLE_CLIENT_ID": env.text("GOOGLE_CLIENT_ID"),
            "GOOGLE_CLIENT_SECRET": env.secret("GOOGLE_CLIENT_SECRET", may_be_empty=True),
        }
    ),
    providers.okta_oidc(
        {
            "OKTA_OIDC_URL": env.web_address("OKTA_OIDC_URL"),
            "OKTA_OIDC_CLIENT_ID": env.text("OKTA_OIDC_CLIENT_ID"),
            "OKTA_OIDC_CLIENT_SECRET": env.secret("OKTA_OIDC_CLIENT_SECRET", may_be_empty=True),
        }
    ),
    providers.okta_saml(
        {
            "OKTA_SAML_ENTITY_ID": env.text("OKTA_SAML_ENTITY_ID"),
            "OKTA_SAML_SSO_URL": env.web_address("OKTA_SAML_SSO_URL"),
            "OKTA_SAML_CERTIFICATE": env.certificate("OKTA_SAML_CERTIFICATE"),
        }
    ),
    providers.keycloak(
        {
            "KEYCLOAK_URL": env.web_address("KEYCLOAK_URL"),
            "KEYCLOAK_REALM": env.text("KEYCLOAK_REALM"),
            "KEYCLOAK_CLIENT_ID": env.text("KEYCLOAK_CLIENT_ID"),
            "KEYCLOAK_CLIENT_SECRET": env.secret("KEYCLOAK_CLIENT_SECRET", may_be_empty=True),
        }
    ),
]
AUTHENTICATION_BACKENDS = [
    "cortex.signon.backends.EmailBackend",
    "allauth.account.auth_backends.AuthenticationBackend",  # for people who sign in at a provider
    "django.contrib.auth.backends.ModelBackend",  # for sessions that an earlier release started
]
ACCOUNT_ADAPTER = "cortex.signon.adapters.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "cortex.signon.adapters.SocialAccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_RATE_LIMITS = False  # see cortex.signon.limits
ACCOUNT_EMAIL_VERIFICATION = "none"  # there is no sign-up
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_FORMS = {"reset_password": "cortex.signon.passwords.ResetForm"}
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Cortex] "
# Seconds that the link of a mail for a new password works. The pages and the mail say "one hour".
PASSWORD_RESET_TIMEOUT = 3600

# -- language, time, static files -------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-us"
USE_I18N = True
FORMAT_MODULE_PATH = "cortex.locale"
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# A developer's machine serves the files from the source folders; a deployment collects them first.
WHITENOISE_USE_FINDERS = IN_DEVELOPMENT
WHITENOISE_AUTOREFRESH = IN_DEVELOPMENT
# With a content hash in their names, so that browsers may keep them for ever. The image collects them this way.
static_files = "django.contrib.staticfiles.storage.StaticFilesStorage"
if env.flag("HASHED_STATIC_FILES", default=False):
    static_files = "whitenoise.storage.CompressedManifestStaticFilesStorage"

# -- uploads and the object store -------------------------------------------------------------------------------------

MEDIA_ROOT = LOCAL_DIR / "uploads"
S3_OPTIONS = {
    "endpoint_url": env.web_address("S3_ENDPOINT_URL", plain_http=True),
    "region_name": env.text("S3_REGION"),
    "access_key": env.secret("S3_ACCESS_KEY"),
    "secret_key": env.secret("S3_SECRET_KEY"),
    "addressing_style": "path",  # the style that every store supports, not only AWS
}
S3 = {option: value for option, value in S3_OPTIONS.items() if value}
STORAGES: dict[str, Any] = {
    # Not with FILE_UPLOAD_PERMISSIONS: it also applies to static files, which nginx must read.
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"file_permissions_mode": 0o600},
    },
    "staticfiles": {"BACKEND": static_files},
}
if bucket := env.text("S3_BUCKET"):
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": S3 | {"bucket_name": bucket, "file_overwrite": False},
    }

# -- mail -------------------------------------------------------------------------------------------------------------

EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.number("EMAIL_PORT", default=587)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.secret("EMAIL_HOST_PASSWORD", may_be_empty=True)
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=True)
EMAIL_TIMEOUT = 10  # seconds; neither the sender of alerts nor a person with a lost password waits longer
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "cortex@localhost")
if IN_DEVELOPMENT and EMAIL_HOST == "localhost":
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

# -- the apps ---------------------------------------------------------------------------------------------------------

# A developer may import files of the checkout. In a deployment it contains files that no record may show, such as .env.
IMPORT_FOLDERS = [BASE_DIR] if IN_DEVELOPMENT else []
IMPORTER: dict[str, Any] = {
    "SOURCE_ROOTS": [str(folder) for folder in env.folders("IMPORTER_SOURCE_ROOTS", default=IMPORT_FOLDERS)],
    "SPOOL_DIR": str(LOCAL_DIR / "importer-spool"),
    "REMOTE_ROOTS": env.names("IMPORTER_REMOTE_ROOTS", default=[]),
    "S3": S3,
}
# What `make countries` has fetched, where it has.
COUNTRIES = BASE_DIR / "node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb"
TRACKING = {
    "SPOOL_DIR": str(LOCAL_DIR / "tracking-spool"),
    "TRUSTED_PROXY_COUNT": env.number("TRUSTED_PROXY_COUNT", default=0),
    "SITE_URL": env.web_address("SITE_URL", plain_http=True),
    # Who learns of alerts; `manage.py check` explains wrong values.
    "ALERT_MAIL": env.names("ALERT_MAIL", default=[]),
    "ALERT_WEBHOOK_URL": env.text("ALERT_WEBHOOK_URL"),
    "ALERT_WEBHOOK_SECRET": env.secret("ALERT_WEBHOOK_SECRET", may_be_empty=True),
    "ALERT_WEBHOOK_PRIVATE_HOSTS": env.names("ALERT_WEBHOOK_PRIVATE_HOSTS", default=[]),
    "ALERT_MIN_SEVERITY": env.text("ALERT_MIN_SEVERITY", "medium"),
    "NEW_DEVICE_MAIL": env.flag("NEW_DEVICE_MAIL", default=False),
    "GEO_DATABASE": env.names("GEO_DATABASE", default=[str(COUNTRIES)] if COUNTRIES.is_file() else []),
}
keep_days = env.number("KEEP_EVENTS_DAYS", default=400) or None
TRACKING |= dict.fromkeys(("LOGIN_EVENT_DAYS", "ACTIVITY_DAYS", "SESSION_DAYS", "ALERT_DAYS"), keep_days)
IMPORTER |= dict.fromkeys(("REJECTED_DAYS", "LOG_DAYS"), keep_days)

# -- logs -------------------------------------------------------------------------------------------------------------

if not IN_DEVELOPMENT:
    LOGGING = logs.configuration(as_json=env.flag("LOG_JSON", default=False))
