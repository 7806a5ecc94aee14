"""Identifies sessions, remembers them, ends them, and refuses those that were ended."""
