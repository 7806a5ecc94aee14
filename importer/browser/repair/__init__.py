"""The pages on which people repair rejected records: families, records in a table, files, and their import."""
