"""Records every login, activity and session of a Django site. See docs/tracking.md.

The packages from top to bottom. Each imports only from those below it; import-linter checks this (`pyproject.toml`):

    management   the commands
    privacy      export and erase a person
    contrib      receivers for packages that log people in in their own way
    upkeep       retention, and import of events that other packages recorded
    capture      note what happened in a request, and write it after the view
    delivery     tell people of alerts: by webhook, by mail, and a person of a new device
    sessions     identify sessions, end them, refuse ended ones
    storage      write events into rows: at once, by stream, or later from the spool; raise alerts

The public functions:

    from tracking import log_activity, log_impersonation, log_login, track_activity
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracking.capture.record import log_activity as log_activity
    from tracking.capture.record import log_impersonation as log_impersonation
    from tracking.capture.record import log_login as log_login
    from tracking.capture.record import track_activity as track_activity

__all__ = ["log_activity", "log_impersonation", "log_login", "track_activity"]


def __getattr__(name: str) -> Any:
    # Imported on first use: the models behind these functions load only once Django is set up.
    if name in __all__:
        from tracking.capture import record

        return getattr(record, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
