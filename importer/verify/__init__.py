"""Compares the source of a completed job with the table again, record by record."""
