"""Configures a deployment's logs: plain lines for people, or JSON for log collectors, on standard error."""

import datetime as dt
import json
import logging
from typing import Any


class JsonFormatter(logging.Formatter):
    """Writes one JSON object a line, even if a stranger has put line breaks into the message."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        # Django adds the request and the status of the response.
        if request := getattr(record, "request", None):
            # Without the query string, which may contain private data.
            entry |= {"method": getattr(request, "method", None), "path": getattr(request, "path", None)}
            entry["request_id"] = getattr(request, "headers", {}).get("X-Request-ID")
        if status := getattr(record, "status_code", None):
            entry["status"] = status
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: value for name, value in entry.items() if value is not None}, default=str)


def configuration(*, as_json: bool) -> dict[str, Any]:
    """Returns the value of LOGGING. Django's default would mail errors to ADMINS, which is empty."""
    level = "INFO" if as_json else "ERROR"
    handler = {"class": "logging.StreamHandler", "formatter": "json" if as_json else "plain"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": "cortex.monitoring.logs.JsonFormatter"},
            "plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
        },
        "handlers": {"stderr": handler},
        "loggers": {
            "django": {"handlers": [] if as_json else ["stderr"], "level": level},
            "procrastinate.periodic": {"level": "WARNING"},  # at INFO, each process lists all scheduled tasks
            "procrastinate.blueprints": {"level": "WARNING"},
        },
    } | ({"root": {"handlers": ["stderr"], "level": level}} if as_json else {})
