"""Reads the environment; no other module does.

Each reader raises ImproperlyConfigured with the variable's name, its value (never a secret) and the allowed values. An
empty variable counts as not set, so that a shell can unset what `.env` sets.
"""

import base64
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
# No character that could end a directive of the Content-Security-Policy, which contains the host.
HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]+")
DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,}")
DER_SEQUENCE = b"\x30"


def read_file(path: Path) -> None:
    """Reads the variables of the file ENV_FILE, or else of `path`. Variables that the process already has win."""
    env_file = Path(os.environ.get("ENV_FILE") or path)
    if env_file.is_file():
        environ.Env.read_env(env_file)


def is_for_development() -> bool:
    """Whether DEBUG is on or DATABASE_URL is not set. A deployment never uses the embedded database."""
    return flag("DEBUG", default=False) or not text("DATABASE_URL")


def text(name: str, default: str = "") -> str:
    """Returns the variable without surrounding white space; `default` if it is empty or not set."""
    # Not with django-environ, which takes a value such as "$ecret" for the name of another variable.
    return os.environ.get(name, "").strip() or default


# Values from examples and images, which strangers try first.
DEVELOPMENT_SECRETS = frozenset(
    (
        "admin",
        "changeme",
        "change-me",
        "cortex",
        "example",
        "minioadmin",
        "password",
        "postgres",
        "secret",
        "test",
    )
)
DEVELOPMENT_BEGINNINGS = ("for-development-only-", "django-insecure-", "changeme", "change-me")
# Strangers cannot reach these hosts, where the databases of developers and test runs listen.
ON_THIS_MACHINE = ("localhost", "127.0.0.1", "::1", None)


def is_of_development(value: str) -> bool:
    return value.lower() in DEVELOPMENT_SECRETS or value.lower().startswith(DEVELOPMENT_BEGINNINGS)


def refuse_development_secret(name: str, value: str) -> None:
    if is_of_development(value) and not is_for_development():
        raise ImproperlyConfigured(
            f"{name} is a known development secret, which strangers try first. Allowed: a random text, as "
            "deploy/secrets/make.sh creates."
        )


def secret(name: str, *, may_be_empty: bool = False, of_others: bool = False) -> str:
    """Returns the secret in the variable, or in the file that the variable NAME_FILE names; "" if neither is set.

    A secret in a file does not appear in process lists, logs and crash reports.

    `may_be_empty`: accepts an empty file, for features that are off without a secret.
    `of_others`: accepts known development secrets in a deployment, for foreign systems that have such a password.

    Raises ImproperlyConfigured if both variables are set, the file is not readable, does not have exactly one line, or
    the secret is a known development secret.
    """
    value = _secret(name, may_be_empty=may_be_empty)
    if not of_others:
        refuse_development_secret(name, value)
    return value


def _secret(name: str, *, may_be_empty: bool) -> str:
    value, file_name = text(name), text(f"{name}_FILE")
    if value and file_name:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set. Allowed: one of them.")
    if not file_name:
        return value
    try:
        content = Path(file_name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise _refusal(f"{name}_FILE", file_name, f"a readable file ({reason})") from error
    if "\n" in content or not (content or may_be_empty):
        raise _refusal(f"{name}_FILE", file_name, "a file with one line, the secret")
    return content


def flag(name: str, *, default: bool) -> bool:
    """Reads a word of TRUE or FALSE, in any case. Raises ImproperlyConfigured for another word."""
    value = text(name).lower()
    if not value:
        return default
    if value not in TRUE + FALSE:
        raise _refusal(name, value, f"one of {', '.join(TRUE + FALSE)}")
    return value in TRUE


def number(name: str, *, default: int) -> int:
    """Reads a whole number, 0 or more. Raises ImproperlyConfigured for another value."""
    value = text(name)
    if not value:
        return default
    if not (value.isascii() and value.isdecimal()):
        raise _refusal(name, value, "a whole number, 0 or more")
    return int(value)


def names(name: str, *, default: list[str]) -> list[str]:
    """Reads a list with commas between its members."""
    return [member.strip() for member in text(name).split(",") if member.strip()] or default


def folders(name: str, *, default: list[Path]) -> list[Path]:
    """Reads absolute paths of existing folders, with commas between them. Raises ImproperlyConfigured for others."""
    paths = [Path(member) for member in names(name, default=[])]
    for folder in paths:
        if not folder.is_absolute() or not folder.is_dir():
            raise _refusal(name, str(folder), "absolute paths of existing folders, with commas between them")
    return paths or default


def origins(name: str) -> list[str]:
    """Reads origins, with commas between them. Raises ImproperlyConfigured for one without http:// or https://."""
    members = names(name, default=[])
    for origin in members:
        if not origin.startswith(("http://", "https://")):
            raise _refusal(
                name, origin, "origins such as https://cortex.example.com, with commas between them"
            )
    return members


def web_address(name: str, *, plain_http: bool = False) -> str:
    """Reads the https address of a trusted service, without its last slash; "" if it is not set.

    Accepts http for this machine; `plain_http` accepts it everywhere, for services in the deployment's own network.
    Raises ImproperlyConfigured for other schemes, user names, fragments and invalid hosts.
    """
    value = text(name)
    if not value:
        return ""
    allowed = "an address such as https://login.example.com"
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _refusal(name, _without_password(value), allowed) from None
    is_trusted = parts.scheme == "https" or (parts.scheme == "http" and (plain_http or host in THIS_MACHINE))
    if (
        not host
        or not is_trusted
        or "@" in parts.netloc
        or parts.fragment
        or not HOST.fullmatch(parts.netloc)
    ):
        raise _refusal(name, _without_password(value), allowed)
    return value.rstrip("/")


def domains(name: str) -> list[str]:
    """Reads domains of e-mail addresses, with commas between them. Returns them in lower case.

    Raises ImproperlyConfigured for an invalid domain.
    """
    members = [domain.lower() for domain in names(name, default=[])]
    for domain in members:
        if not DOMAIN.fullmatch(domain):
            raise _refusal(name, domain, "domains such as example.com, with commas between them")
    return members


def certificate(name: str) -> str:
    """Reads an X.509 certificate: the base64 text of a PEM file, with or without its first and last line.

    Returns the base64 text without white space, "" if it is not set. Raises ImproperlyConfigured if it is not base64
    or does not start like a certificate.
    """
    value = "".join(re.sub(r"-----(BEGIN|END) CERTIFICATE-----|\\n", "", text(name)).split())
    if not value:
        return ""
    try:
        is_certificate = base64.b64decode(value, validate=True).startswith(DER_SEQUENCE)
    except ValueError:
        is_certificate = False
    if not is_certificate:
        raise _refusal(name, f"{value[:20]}…", "the base64 text of an X.509 certificate")
    return value


POSTGRES = ("postgres", "postgresql")
# Databases of legacy systems: Django's own backends. Their drivers must be installed.
ANY_DATABASE = (*POSTGRES, "mysql", "oracle", "sqlite")


def database(
    name: str,
    *,
    default: str = "",
    schemes: tuple[str, ...] = POSTGRES,
    completed_by: str = "",
    of_others: bool = False,
) -> dict[str, Any] | None:
    """Reads a database address as an entry of DATABASES; None if neither variable nor default is set.

    `completed_by`: the variable of the password, if the address has none; see `with_password`.
    `of_others`: accepts any password.
    Raises ImproperlyConfigured for another scheme, an invalid address, or one without a database name.
    """
    url = with_password(name, text(name, default), completed_by, of_others=of_others)
    if not url:
        return None
    allowed = " or ".join(
        f"{scheme}://USER:PASSWORD@HOST:PORT/NAME" for scheme in schemes if scheme != "postgresql"
    )
    if _scheme(url) not in schemes:
        raise _refusal(name, _without_password(url), allowed)
    try:
        parsed = environ.Env.db_url_config(url)
    except ValueError as error:
        raise _refusal(name, _without_password(url), allowed) from error
    if not parsed.get("NAME"):
        raise _refusal(name, _without_password(url), allowed)
    return dict(parsed)


def redis_url(name: str, *, default: str = "", completed_by: str = "") -> str:
    """Reads the address of a Redis; "" if it is not set. `completed_by`: the variable of the password.

    Raises ImproperlyConfigured for another scheme.
    """
    url = with_password(name, text(name, default), completed_by)
    if url and _scheme(url) not in ("redis", "rediss", "unix"):
        raise _refusal(
            name, _without_password(url), "redis://:PASSWORD@HOST:PORT/NUMBER, rediss:// or unix://"
        )
    return url


def with_password(name: str, url: str, completed_by: str, *, of_others: bool = False) -> str:
    """Returns the address with the password from the variable `completed_by` or its file, if that is set.

    Raises ImproperlyConfigured if the address has a password as well, or a known development secret in a deployment.
    """
    value = ""
    if completed_by and text(name):
        value = secret(completed_by, may_be_empty=of_others, of_others=of_others)
    try:
        address = urlsplit(url)
    except ValueError:
        return url  # the reader of the address reports the error
    if not value:
        if not of_others and address.hostname not in ON_THIS_MACHINE:
            refuse_development_secret(f"The password in {name}", address.password or "")
        return url
    if address.password:
        raise ImproperlyConfigured(
            f"{name} contains a password, and {completed_by} is set as well. Allowed: one of them."
        )
    user, _, place = address.netloc.rpartition("@")
    return address._replace(netloc=f"{user}:{quote(value, safe='')}@{place}").geturl()


# The limits of Django's check security.W009, applied at every start and not only by `check --deploy`.
SHORTEST_KEY, FEWEST_LETTERS = 50, 5


def secret_key(name: str, *, development_default: str | None) -> str:
    """Reads the secret key. Without a default for development it must be hard to guess.

    Raises ImproperlyConfigured if it is missing, a known development secret, too short or too simple.
    """
    key = secret(name, of_others=True) or development_default  # the checks below give better messages
    allowed = f"Allowed: a long random text, at least {SHORTEST_KEY} characters, kept secret."
    if key is None:
        raise ImproperlyConfigured(f"{name} is not set. {allowed}")
    if development_default is not None:
        return key
    if is_of_development(key):
        raise ImproperlyConfigured(f"{name} is a known development secret. {allowed}")
    if len(key) < SHORTEST_KEY or len(set(key)) < FEWEST_LETTERS:
        raise ImproperlyConfigured(f"{name} is too short or too simple ({len(key)} characters). {allowed}")
    return key


def _refusal(name: str, value: str, allowed: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name}={value!r} is invalid. Allowed: {allowed}.")


def _scheme(url: str) -> str:
    """Returns "" for an invalid address, such as one with a bracket in the password instead of %5B."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _without_password(url: str) -> str:
    return re.sub(r"\?.*", "?***", re.sub(r"^(\w+://)?.*@", r"\1***@", url))
