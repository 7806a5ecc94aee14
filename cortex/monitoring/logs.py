"""Logs of a deployment, to standard error: lines for people, or JSON for whatever gathers them."""

import datetime as dt
import json
import logging
from typing import Any


class JsonFormatter(logging.Formatter):
    """One object a line, whatever a stranger has put into the message."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        # Django passes the request along, and the status of its answer.
        if request := getattr(record, "request", None):
            # Without the query, which may hold what is nobody's business.
            told |= {"method": getattr(request, "method", None), "path": getattr(request, "path", None)}
            told["request_id"] = getattr(request, "headers", {}).get("X-Request-ID")
        if status := getattr(record, "status_code", None):
            told["status"] = status
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: value for name, value in told.items() if value is not None}, default=str)


def configuration(*, as_json: bool) -> dict[str, Any]:
    """For `LOGGING`. Django's own would mail errors to administrators that nobody has named."""
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
            "procrastinate.periodic": {"level": "WARNING"},  # each process would list all that is scheduled
            "procrastinate.blueprints": {"level": "WARNING"},
        },
    } | ({"root": {"handlers": ["stderr"], "level": level}} if as_json else {})
