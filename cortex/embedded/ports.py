import random
import socket

from cortex.embedded.errors import EmbeddedServerError

# Below the range of ports for outgoing connections, so that no connection takes a server's port while it restarts.
LOWEST, HIGHEST = 15_000, 32_000
ATTEMPTS = 200


def free_port() -> int:
    """Returns a random port that is free on 127.0.0.1. Raises EmbeddedServerError after ATTEMPTS tries."""
    for _ in range(ATTEMPTS):
        port = random.randint(LOWEST, HIGHEST)
        if is_free(port):
            return port
    raise EmbeddedServerError(
        f"Found no free port between {LOWEST} and {HIGHEST} in {ATTEMPTS} attempts. Stop a server, or try again."
    )


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
