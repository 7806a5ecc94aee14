"""Reads the lists beside the figures: newest events, open sessions, security, import jobs, caches."""
