class EmbeddedServerError(Exception):
    """Raised when an embedded server is not available or fails to start. The message says why and how to fix it."""
