"""Connections to Redis, and the one place that asks it."""
