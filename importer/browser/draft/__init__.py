"""Prepares an import in the browser: the file, its columns and values, and the check; a draft keeps what is chosen."""
