"""Reads batches of records from a position in the source; every value is still text.

Each format has a reader with the same interface (`reader`); `open` chooses it. A reader is strict: it rejects a record
that it cannot split into columns, with its line. It never turns it into nulls silently, and never ends the job.
"""
