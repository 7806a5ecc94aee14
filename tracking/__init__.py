"""Every login, activity and session of a Django site. See docs/tracking.md.

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
