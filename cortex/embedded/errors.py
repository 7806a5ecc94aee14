class EmbeddedServerError(Exception):
    """An embedded server cannot be had or does not start; the message says why, and what mends it."""
