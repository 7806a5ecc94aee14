"""Cleans batches: turns texts into values by columns, by Django's fields and by the site's own code."""
