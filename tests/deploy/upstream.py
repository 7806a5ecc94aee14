"""A small site behind nginx, run by gunicorn: it returns the request it got, or as many bytes as requested."""

import json
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from typing import Any

MEGABYTE = bytes(1_000_000)


def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    query = dict(urllib.parse.parse_qsl(environ["QUERY_STRING"]))
    # As in the responses of the site and Keycloak.
    start_response("200 OK", [("Strict-Transport-Security", "max-age=1"), ("X-Frame-Options", "DENY")])
    if megabytes := int(query.get("megabytes", 0)):
        return large(megabytes)
    time.sleep(float(query.get("seconds", 0)))
    headers = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
    return [json.dumps(headers | {"received": received(environ)}).encode()]


def received(environ: dict[str, Any]) -> int:
    total = 0
    while chunk := environ["wsgi.input"].read(65_536):
        total += len(chunk)
    return total


def large(megabytes: int) -> Iterator[bytes]:
    for _ in range(megabytes):
        yield MEGABYTE
