"""The formats of this site that differ from Django's own."""
