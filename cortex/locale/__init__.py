"""The words and formats of this site that differ from Django's and allauth's own."""
