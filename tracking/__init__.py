"""Records every login, activity and session of a Django site. See docs/tracking.md.

The packages in the order of their floors; imports run down only, and import-linter checks it (`pyproject.toml`):

    management   the commands
    privacy      export and erase a person
    upkeep       retention, and events that other packages recorded before
    capture      note what happened in a request, and write it after the view
    sessions     tell sessions apart, end them, refuse ended ones
    storage      events into rows, whatever happens: at once, by stream, or later from the spool; alerts


from tracking import log_activity, log_login, track_activity
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracking.capture.record import log_activity as log_activity
    from tracking.capture.record import log_login as log_login
    from tracking.capture.record import track_activity as track_activity

__all__ = ["log_activity", "log_login", "track_activity"]


def __getattr__(name: str) -> Any:
    # Not before somebody asks: the models behind these can only be loaded once Django is set up.
    if name in __all__:
        from tracking.capture import record

        return getattr(record, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
