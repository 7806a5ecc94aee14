"""Finds, fetches and unpacks sources: from a name to a local file of plain text or Parquet."""
