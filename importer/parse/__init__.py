"""Reads a batch of records from a place in the source; every value is still text.

Each format has a reader of one shape (`reader`); `open` chooses it. A reader is strict: it rejects a record that it
cannot split into columns, with its line. It never makes a silent null of it, and never ends the job.
"""
