"""Finds what is wrong with a spec before the first record."""
