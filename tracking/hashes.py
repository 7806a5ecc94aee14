"""Keyed hashes of what must not be kept in the clear: session keys, and what strangers typed as a name.

HMAC-SHA256 with a key derived from SECRET_KEY. While a secret is being rotated, hashes made with the keys in
SECRET_KEY_FALLBACKS are still found.
"""

import hashlib
import hmac
from functools import lru_cache

from django.conf import settings

# Told apart at a glance from a name, and not to be had as one by typing it: names are compared with names.
MARK = "hmac:"


def keyed_hash(purpose: str, text: str) -> str:
    """64 hexadecimal digits."""
    return _hash(settings.SECRET_KEY, purpose, text)


def keyed_hashes(purpose: str, text: str) -> list[str]:
    """The hash by the present secret first, then by each one that it replaced."""
    return [_hash(secret, purpose, text) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def hashed_name(name: str) -> str:
    """How an unknown identifier is kept: equal for equal names, whatever their case."""
    return MARK + keyed_hash("identifier", name.casefold())[:32]


def hashed_names(name: str) -> list[str]:
    return [MARK + found[:32] for found in keyed_hashes("identifier", name.casefold())]


def _hash(secret: str | bytes, purpose: str, text: str) -> str:
    return hmac.new(_key(secret, purpose), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


@lru_cache(maxsize=32)
def _key(secret: str | bytes, purpose: str) -> bytes:
    material = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(material, f"tracking.{purpose}".encode(), hashlib.sha256).digest()
