"""Cleans batches: texts become values by columns, by Django's own fields, and by the site's own code."""
