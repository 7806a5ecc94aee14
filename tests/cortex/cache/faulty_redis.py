"""Runs a small proxy in front of Redis that can refuse connections, swallow or delay commands, and forge replies."""

import contextlib
import selectors
import socket
import threading
import time
from urllib.parse import urlsplit

ANSWERS = {
    "oom": b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    "loading": b"-LOADING Redis is loading the dataset in memory\r\n",
    "readonly": b"-READONLY You can't write against a read only replica.\r\n",
    "noauth": b"-NOAUTH Authentication required.\r\n",
    "rubbish": b"$5\r\nrub\r\nbish*7\r\n",
}


class FaultyRedis:
    """`mode`: pass, refuse, swallow, slow (300 ms), or one of ANSWERS."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.target = (parts.hostname or "127.0.0.1", parts.port or 6379)
        self._mode = "pass"
        self._pairs: list[socket.socket] = []
        self._listener = self._listen(0)
        self.port = self._listener.getsockname()[1]
        self.url = parts._replace(netloc=parts.netloc.rpartition(":")[0] + f":{self.port}").geturl()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def mode(self) -> str:
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        was, self._mode = self._mode, mode
        if mode == "refuse":
            self._stop_listening()
            self._cut()
        elif was == "refuse":
            self._listener = self._listen(self.port)
            threading.Thread(target=self._accept, daemon=True).start()
        if mode == "pass":
            self._cut()  # swallowed connections are out of step with the protocol

    def close(self) -> None:
        self._stop_listening()
        self._cut()

    def _stop_listening(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept()
        self._listener.close()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        return listener

    def _cut(self) -> None:
        for end in self._pairs:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._pairs.clear()

    def _accept(self) -> None:
        listener = self._listener
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            self._pairs += [client, server]
            threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        selector = selectors.DefaultSelector()
        try:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    source: socket.socket = key.fileobj  # type: ignore[assignment]
                    data = source.recv(65_536)
                    if not data:
                        return
                    self._pass_on(data, key.data, back=client if source is client else None)
        except (OSError, ValueError):
            return
        finally:
            client.close()
            server.close()

    def _pass_on(self, data: bytes, other: socket.socket, *, back: socket.socket | None) -> None:
        if self._mode == "swallow":
            return
        if self._mode in ANSWERS and back is not None:
            back.sendall(ANSWERS[self._mode] * max(1, data.count(b"\r\n*") + 1))
            return
        if self._mode == "slow" and back is not None:
            time.sleep(0.3)
        other.sendall(data)
