"""Signals. All carry `job` (DataImportJob); the sender is the spec's class.

import_started   when a run begins (also a resumed one)
batch_committed  after each commit, in the process that committed: `chunk_id`, `line`, `counts` (dict), `seconds`
import_finished  when a run ends, however it ends: `result` (ImportResult)
"""

from django.dispatch import Signal

import_started = Signal()
batch_committed = Signal()
import_finished = Signal()
