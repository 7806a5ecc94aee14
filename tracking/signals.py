"""Signals. Receivers are called robustly: an exception in one is logged and breaks nothing.

login_recorded    sender LoginEvent; `event`, once it is in the database
session_started   sender UserSession; `session`
session_ended     sender UserSession; `session`, with its `end_reason`
sessions_revoked  sender UserSession: an owner or administrator ended sessions; sent at once and again on commit
alert_raised      sender SecurityAlert; `alert`
pruning           sender the model; `before`: retention is about to delete rows older than that. Here a receiver that
                  raises stops it: nothing of that model is deleted this time
"""

from django.dispatch import Signal

login_recorded = Signal()
session_started = Signal()
session_ended = Signal()
sessions_revoked = Signal()
alert_raised = Signal()
pruning = Signal()
