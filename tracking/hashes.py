"""Keyed hashes of values that must not be stored in the clear: session keys and unknown identifiers.

HMAC-SHA256 with a key derived from SECRET_KEY. While a secret is rotated, hashes made with SECRET_KEY_FALLBACKS still
match.
"""

import hashlib
import hmac
from functools import lru_cache

from django.conf import settings

# Distinguishes a hash from a name. Entering a hash as a name does not match it: unknown names are stored as hashes of
# what was entered.
MARK = "hmac:"


def keyed_hash(purpose: str, text: str) -> str:
    """Return 64 hexadecimal digits."""
    return _hash(settings.SECRET_KEY, purpose, text)


def keyed_hashes(purpose: str, text: str) -> list[str]:
    """Return the hash by the present secret, then by each secret in SECRET_KEY_FALLBACKS."""
    return [_hash(secret, purpose, text) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def hashed_name(name: str) -> str:
    """Return the hash under which an unknown identifier is stored. It is equal for equal names, ignoring case."""
    return MARK + keyed_hash("identifier", name.casefold())[:32]


def hashed_names(name: str) -> list[str]:
    return [MARK + digest[:32] for digest in keyed_hashes("identifier", name.casefold())]


def _hash(secret: str | bytes, purpose: str, text: str) -> str:
    return hmac.new(_key(secret, purpose), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


@lru_cache(maxsize=32)
def _key(secret: str | bytes, purpose: str) -> bytes:
    material = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(material, f"tracking.{purpose}".encode(), hashlib.sha256).digest()


def shortened(identifier: str) -> str:
    """Shorten an identifier that is a keyed hash to its beginning, which distinguishes it from others."""
    return f"{identifier[: len(MARK) + 8]}…" if identifier.startswith(MARK) else identifier
