"""Reads CSV and similar formats.

There are two ways with the same result. A regular block (`blocks`) is parsed by Polars as columns (`frames`). A block
with anything irregular (a stray quote, a short record, an undecodable byte) is read record by record with the standard
library's strict parser (`records`). A dialect that neither of them knows is translated first (`translate`).
"""
