import random
import socket

from cortex.embedded.errors import EmbeddedServerError

# Below the range that kernels hand out to outgoing connections: while a server is being restarted, nobody else is
# given its port by chance.
LOWEST, HIGHEST = 15_000, 32_000
ATTEMPTS = 200


def free_port() -> int:
    for _ in range(ATTEMPTS):
        port = random.randint(LOWEST, HIGHEST)
        if is_free(port):
            return port
    raise EmbeddedServerError(f"No free port between {LOWEST} and {HIGHEST}.")


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
