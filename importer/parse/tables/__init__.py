"""Reads tables and queries of other databases, by ranges of their key."""
