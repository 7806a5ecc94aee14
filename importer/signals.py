"""Defines the importer's signals. All carry `job` (DataImportJob); the sender is the spec's class.

import_started   sent when a run begins, also a resumed one
batch_committed  sent after each commit, in the process that committed: `chunk_id` (int), `line` (int, the next record's
                 first line), `counts` (`records.Counts` of the batch), `seconds` (float, how long the batch took)
import_finished  sent when a run ends, also when it fails or stops: `result` (ImportResult)
"""

from django.dispatch import Signal

import_started = Signal()
batch_committed = Signal()
import_finished = Signal()
