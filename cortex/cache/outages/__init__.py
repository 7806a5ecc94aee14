"""Handles outages of Redis: finds them out once, and repeats afterwards what was lost."""
