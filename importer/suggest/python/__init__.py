"""Writes specs in Python: a suggestion with its reasons (`suggested`), a stored mapping without (`stored`)."""
