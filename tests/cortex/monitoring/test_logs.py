import json
import logging
import sys

from django.core.exceptions import PermissionDenied
from django.test import RequestFactory

from cortex.monitoring.logs import JsonFormatter


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("importer", logging.WARNING, __file__, 1, message, arguments, None)
    made.__dict__.update(extra)
    return made


def test_a_record_is_one_object_on_one_line_whatever_is_in_it() -> None:
    line = JsonFormatter().format(record("Refused: %s", 'x\n{"level": "INFO", "message": "forged"}\u2028'))

    assert len(line.splitlines()) == 1
    told = json.loads(line)
    assert told["level"] == "WARNING"
    assert told["message"].startswith("Refused: x\n{")
    assert told["time"].endswith("+00:00")


def test_a_request_is_told_with_its_path_but_not_its_query() -> None:
    request = RequestFactory().get("/admin/?token=secret", headers={"X-Request-ID": "abc"})

    line = JsonFormatter().format(record("Forbidden", request=request, status_code=403))

    told = json.loads(line)
    assert (told["method"], told["path"], told["status"], told["request_id"]) == (
        "GET",
        "/admin/",
        403,
        "abc",
    )
    assert "secret" not in line


def test_an_exception_is_told_with_its_trace() -> None:
    try:
        raise PermissionDenied("no")
    except PermissionDenied:
        made = record("It failed", exc_info=sys.exc_info())

    assert "PermissionDenied: no" in json.loads(JsonFormatter().format(made))["exception"]
