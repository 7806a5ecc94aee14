"""The one module that reads the environment.

Each reader names the variable, the value it found and what is allowed. An empty variable counts as not set, so that
a shell can take back what `.env` says.
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
# Nothing that could end a directive of the Content-Security-Policy, where it will stand.
HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]+")
DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,}")
DER_SEQUENCE = b"\x30"


def read_file(path: Path) -> None:
    """Takes in the lines of a `.env` file. What the process already has in its environment wins."""
    chosen = Path(os.environ.get("ENV_FILE") or path)
    if chosen.is_file():
        environ.Env.read_env(chosen)


def is_for_development() -> bool:
    """Without DATABASE_URL there is the embedded database or none at all: a developer's machine, never a deployment."""
    return flag("DEBUG", default=False) or not text("DATABASE_URL")


def text(name: str, default: str = "") -> str:
    # Not by django-environ, which takes a value such as "$ecret" for the name of another variable.
    return os.environ.get(name, "").strip() or default


# What examples and images begin with, and strangers try first.
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
# No stranger reaches what listens here, as a developer's database and that of a test run do.
ON_THIS_MACHINE = ("localhost", "127.0.0.1", "::1", None)


def is_of_development(value: str) -> bool:
    return value.lower() in DEVELOPMENT_SECRETS or value.lower().startswith(DEVELOPMENT_BEGINNINGS)


def refuse_development_secret(name: str, value: str) -> None:
    if is_of_development(value) and not is_for_development():
        raise ImproperlyConfigured(
            f"{name} is one for development, which strangers try first. Allowed: a random text, as "
            "deploy/secrets/make.sh makes them."
        )


def secret(name: str, *, may_be_empty: bool = False, of_others: bool = False) -> str:
    """A secret of its own variable, or of the file that `NAME_FILE` names: what is in a file shows in no list of
    processes, no log and no crash report. Both at once is a contradiction, and an empty file a mistake, unless
    `may_be_empty`: of what is off without a secret. One for development is refused in a deployment, unless it is
    `of_others`, whose systems are as they are."""
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
    value = text(name).lower()
    if not value:
        return default
    if value not in TRUE + FALSE:
        raise _refusal(name, value, f"one of {', '.join(TRUE + FALSE)}")
    return value in TRUE


def number(name: str, *, default: int) -> int:
    """A whole number from 0."""
    value = text(name)
    if not value:
        return default
    if not (value.isascii() and value.isdecimal()):
        raise _refusal(name, value, "a whole number, 0 or more")
    return int(value)


def names(name: str, *, default: list[str]) -> list[str]:
    """A list with commas between its members."""
    return [member.strip() for member in text(name).split(",") if member.strip()] or default


def folders(name: str, *, default: list[Path]) -> list[Path]:
    """A list of absolute, existing folders, with commas between them."""
    chosen = [Path(member) for member in names(name, default=[])]
    for folder in chosen:
        if not folder.is_absolute() or not folder.is_dir():
            raise _refusal(name, str(folder), "absolute paths of existing folders, with commas between them")
    return chosen or default


def origins(name: str) -> list[str]:
    chosen = names(name, default=[])
    for origin in chosen:
        if not origin.startswith(("http://", "https://")):
            raise _refusal(
                name, origin, "origins such as https://cortex.example.com, with commas between them"
            )
    return chosen


def web_address(name: str, *, plain_http: bool = False) -> str:
    """An address under which others are trusted, so https; http to this machine alone. Without a slash at its end.

    `plain_http`: anywhere, as for a service within the deployment's own network.
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
    """Domains of e-mail addresses, with commas between them, in lower case."""
    chosen = [domain.lower() for domain in names(name, default=[])]
    for domain in chosen:
        if not DOMAIN.fullmatch(domain):
            raise _refusal(name, domain, "domains such as example.com, with commas between them")
    return chosen


def certificate(name: str) -> str:
    """An X.509 certificate, as the base64 text within a PEM file, with or without its first and last line."""
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
# What a legacy system may run on; Django's own backends, the drivers of which are to be installed.
ANY_DATABASE = (*POSTGRES, "mysql", "oracle", "sqlite")


def database(
    name: str,
    *,
    default: str = "",
    schemes: tuple[str, ...] = POSTGRES,
    completed_by: str = "",
    of_others: bool = False,
) -> dict[str, Any] | None:
    """A database's address as Django's settings want it; None when neither variable nor default says one.

    `completed_by` names the secret that the address leaves out. `of_others`: any password will do.
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
    url = with_password(name, text(name, default), completed_by)
    if url and _scheme(url) not in ("redis", "rediss", "unix"):
        raise _refusal(
            name, _without_password(url), "redis://:PASSWORD@HOST:PORT/NUMBER, rediss:// or unix://"
        )
    return url


def with_password(name: str, url: str, completed_by: str, *, of_others: bool = False) -> str:
    """The address with the password that the variable `completed_by` or its file holds, if there is one."""
    value = ""
    if completed_by and text(name):
        value = secret(completed_by, may_be_empty=of_others, of_others=of_others)
    try:
        address = urlsplit(url)
    except ValueError:
        return url  # what is wrong with it is told where it is read
    if not value:
        if not of_others and address.hostname not in ON_THIS_MACHINE:
            refuse_development_secret(f"The password in {name}", address.password or "")
        return url
    if address.password:
        raise ImproperlyConfigured(
            f"{name} has a password within, and {completed_by} is set as well. Allowed: one of them."
        )
    user, _, place = address.netloc.rpartition("@")
    return address._replace(netloc=f"{user}:{quote(value, safe='')}@{place}").geturl()


# What Django's own check asks of a key (security.W009), for every start and not only when somebody checks.
SHORTEST_KEY, FEWEST_LETTERS = 50, 5


def secret_key(name: str, *, development_default: str | None) -> str:
    """Where there is no default for development, a key is wanted that nobody can guess."""
    key = secret(name, of_others=True) or development_default  # what is wrong with it is told below
    allowed = f"Allowed: a long random text, at least {SHORTEST_KEY} characters, kept secret."
    if key is None:
        raise ImproperlyConfigured(f"{name} is not set. {allowed}")
    if development_default is not None:
        return key
    if is_of_development(key):
        raise ImproperlyConfigured(f"{name} is one for development. {allowed}")
    if len(key) < SHORTEST_KEY or len(set(key)) < FEWEST_LETTERS:
        raise ImproperlyConfigured(f"{name} is too short or too simple ({len(key)} characters). {allowed}")
    return key


def _refusal(name: str, value: str, allowed: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name}={value!r} is not understood. Allowed: {allowed}.")


def _scheme(url: str) -> str:
    """ "" where it is no address, as with a bracket within a password that ought to be %5B."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _without_password(url: str) -> str:
    return re.sub(r"\?.*", "?***", re.sub(r"^(\w+://)?.*@", r"\1***@", url))
