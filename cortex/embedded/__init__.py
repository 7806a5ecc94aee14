"""Runs PostgreSQL and Valkey for development and tests, from wheels or from installed programs.

They listen on 127.0.0.1 only, require a password, keep their files in the checkout, and never run as root.
"""

from cortex.embedded.errors import EmbeddedServerError
from cortex.embedded.postgres import EmbeddedPostgres
from cortex.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedPostgres", "EmbeddedServerError", "EmbeddedValkey"]
