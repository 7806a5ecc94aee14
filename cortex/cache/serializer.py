"""Serializes values so that reading them cannot run foreign code: tagged JSON, or else a signed pickle.

JSON has tags for the types that Django sites cache. A pickle is loaded only after its signature is verified. The first
byte names the format, so that two releases of a site can read each other's values.
"""

import base64
import datetime as dt
import decimal
import hashlib
import hmac
import json
import pickle
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.conf import settings

JSON, SIGNED_PICKLE = b"J", b"P"
SIGNATURE_BYTES = 32
# The key that holds the type of a tagged value. A dict that has this key itself is pickled.
TAG = "$"
PLAIN = (str, int, float, bool, type(None))  # exact types: a subclass would come back as its base


class NotReadable(ValueError):
    """Raised for bytes that are damaged or not written by this site. Treat it as a miss."""


def dumps(value: Any) -> bytes:
    """Raises what `pickle` raises for values that cannot be pickled (a lock, a generator)."""
    try:
        return JSON + _encoder.encode(_tagged(value)).encode()
    except (TypeError, ValueError, RecursionError):
        payload = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        return SIGNED_PICKLE + _signature(payload) + payload


def loads(data: bytes) -> Any:
    """Raises NotReadable."""
    kind, payload = data[:1], data[1:]
    try:
        if kind == JSON:
            return _decoder.decode(payload.decode())
        if kind == SIGNED_PICKLE:
            signature, pickled = payload[:SIGNATURE_BYTES], payload[SIGNATURE_BYTES:]
            if any(hmac.compare_digest(signature, valid) for valid in _signatures(pickled)):
                return pickle.loads(pickled)  # noqa: S301 (ours, as its signature proves)
    except Exception as error:
        raise NotReadable(str(error)) from error
    raise NotReadable("unknown format, or not signed by this site")


ENCODERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    dt.datetime: ("datetime", dt.datetime.isoformat),
    dt.date: ("date", dt.date.isoformat),
    dt.time: ("time", dt.time.isoformat),
    dt.timedelta: ("timedelta", lambda value: [value.days, value.seconds, value.microseconds]),
    decimal.Decimal: ("decimal", str),
    uuid.UUID: ("uuid", lambda value: value.hex),
    bytes: ("bytes", lambda value: base64.b64encode(value).decode()),
    tuple: ("tuple", lambda value: [_tagged(item) for item in value]),
    set: ("set", lambda value: [_tagged(item) for item in value]),
    frozenset: ("frozenset", lambda value: [_tagged(item) for item in value]),
}
DECODERS: dict[str, Callable[[Any], Any]] = {
    "datetime": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "timedelta": lambda value: dt.timedelta(*value),
    "decimal": decimal.Decimal,
    "uuid": uuid.UUID,
    "bytes": base64.b64decode,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
}


def _tagged(value: Any) -> Any:
    """Converts a value to one that JSON restores exactly. Raises TypeError for all others."""
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is list:
        return [_tagged(item) for item in value]
    if kind is dict:
        if TAG in value or not all(type(key) is str for key in value):
            raise TypeError("a dict that JSON would change")
        return {key: _tagged(item) for key, item in value.items()}
    name, encode = ENCODERS.get(kind, (None, None))
    if name is None or encode is None:
        raise TypeError(f"JSON cannot express {kind.__name__}")
    if kind is dt.datetime and value.tzinfo not in (None, dt.UTC):
        raise TypeError("JSON would turn the time zone into an offset")
    return {TAG: name, "v": encode(value)}


def _untagged(members: dict[str, Any]) -> Any:
    return DECODERS[members[TAG]](members["v"]) if TAG in members else members


# `json.loads` with a hook creates a decoder for each value, which takes longer than decoding a small one.
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_decoder = json.JSONDecoder(object_hook=_untagged)


def _signature(payload: bytes) -> bytes:
    return _hmac(settings.SECRET_KEY, payload)


def _signatures(payload: bytes) -> list[bytes]:
    """Signatures with the current secret and with those it replaced."""
    return [_hmac(secret, payload) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def _hmac(secret: str | bytes, payload: bytes) -> bytes:
    return hmac.new(_key(secret), payload, hashlib.sha256).digest()


@lru_cache(maxsize=8)
def _key(secret: str | bytes) -> bytes:
    material = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(material, b"cortex.cache", hashlib.sha256).digest()
