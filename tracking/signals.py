"""What tracking tells. Receivers are called robustly: what they raise is logged, and breaks nothing.

login_recorded    sender LoginEvent; `event`, once it is in the database
session_started   sender UserSession; `session`
session_ended     sender UserSession; `session`, with its `end_reason`
alert_raised      sender SecurityAlert; `alert`
pruning           sender the model; `before`: rows older than that are about to be deleted by retention. Here a
                  receiver that raises is heeded: nothing of that model is deleted this time
"""

from django.dispatch import Signal

login_recorded = Signal()
session_started = Signal()
session_ended = Signal()
alert_raised = Signal()
pruning = Signal()
