"""PostgreSQL and Valkey for a developer's machine and for tests, from wheels or from what is installed.

They listen on 127.0.0.1 only, want a password, keep their files in the checkout, and never run as root.
"""

from cortex.embedded.errors import EmbeddedServerError
from cortex.embedded.postgres import EmbeddedPostgres
from cortex.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedPostgres", "EmbeddedServerError", "EmbeddedValkey"]
