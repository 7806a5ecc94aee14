"""Connects to Redis; `server` is the one module that sends it commands."""
