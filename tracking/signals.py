"""Signals of tracking, all sent with `send_robust`: an exception in a receiver breaks nothing.

signal            sender          arguments   sent
login_recorded    LoginEvent      event       once the row is in the database
session_started   UserSession     session     once the row is in the database
session_ended     UserSession     session     after the commit, or after the UPDATE if it expired; see its `end_reason`
sessions_revoked  UserSession     (none)      when an owner or administrator ends sessions: at once, and again on commit
alert_raised      SecurityAlert   alert       once the row is in the database
pruning           the model       before      before retention deletes the rows older than `before`, a datetime. If a
                                              receiver raises, nothing of that model is deleted in this run
erased            the user's model user       after a user was erased from the rows, for apps that counted them. If a
                                              receiver raises, the erasure raises the same
"""

from django.dispatch import Signal

login_recorded = Signal()
session_started = Signal()
session_ended = Signal()
sessions_revoked = Signal()
alert_raised = Signal()
pruning = Signal()
erased = Signal()
