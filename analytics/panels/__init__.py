"""Lists beside the figures: newest events, open sessions, security, import jobs, caches."""
