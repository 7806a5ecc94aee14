"""Runs a real OpenID provider (PyPI: oidc-provider-mock) on a free port, and acts in its window."""

import base64
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

REALM = "/realms/cortex"  # where Keycloak has its endpoints
Claims = dict[str, Any]


class OidcProvider:
    """Serves at its root and, as Keycloak does, below /realms/cortex. `tamper` may change the claims of a token."""

    def __init__(self) -> None:
        self.tamper: Callable[[Claims], Any] = lambda claims: None
        import oidc_provider_mock  # takes a second, and this module is imported wherever tests are collected

        self.app = oidc_provider_mock.app()
        self.server = make_server("127.0.0.1", 0, DispatcherMiddleware(self, {REALM: self}), threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ["PATH_INFO"].endswith("/oauth2/token"):
            return self.app.wsgi_app(environ, start_response)
        told: list[Any] = []
        body = b"".join(self.app.wsgi_app(environ, lambda *head: told.append(head)))
        answer = json.loads(body)
        if "id_token" in answer:
            header, claims, signature = answer["id_token"].split(".")
            changed = json.loads(base64.urlsafe_b64decode(claims + "=="))
            self.tamper(changed)
            encoded = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")
            answer["id_token"] = ".".join((header, encoded, signature))
        status, headers = told[0][:2]
        kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, kept)
        return [json.dumps(answer).encode()]

    def knows(self, sub: str, **claims: Any) -> None:
        """Gives a person these claims."""
        requests.put(f"{self.url}/users/{sub}", json=claims, timeout=10).raise_for_status()

    def sign_in(self, address: str, sub: str, action: str = "authorize") -> str:
        """Signs a person in at the provider's window. Returns the address that they are sent back to."""
        form = {"sub": sub, "action": action}
        answer = requests.post(address, data=form, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    @contextmanager
    def running(self) -> Iterator["OidcProvider"]:
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join()
