"""Plays a visitor of a real site, who keeps cookies and can sign in."""

import http.client
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode


@dataclass
class Answer:
    status: int
    text: str
    location: str
    seconds: float


@dataclass
class Browser:
    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self._call("GET", path, headers=headers)

    def post(self, path: str, **values: str) -> Answer:
        form = urlencode(values | {"csrfmiddlewaretoken": self.cookies.get("csrftoken", "")})
        return self._call("POST", path, form)

    def log_in(self, email: str, password: str) -> Answer:
        self.get("/admin/login/")
        answer = self.post("/admin/login/", username=email, password=password)
        assert answer.status == 302, answer.text
        return answer

    def log_in_by_the_site_s_page(self, email: str, password: str) -> Answer:
        self.get("/accounts/login/")
        answer = self.post("/accounts/login/", login=email, password=password)
        assert answer.status == 302, answer.text
        return answer

    def log_out(self) -> Answer:
        return self.post("/admin/logout/")

    def is_logged_in(self) -> bool:
        return self.get("/admin/password_change/").status == 200

    def _call(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"} | (headers or {})
        began = time.perf_counter()
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        seconds = time.perf_counter() - began
        for line in answer.headers.get_all("Set-Cookie") or []:
            found = re.match(r"([^=]+)=\"?([^;\"]*)", line)
            if found:
                self.cookies[found[1]] = found[2]
        return Answer(answer.status, text, answer.headers.get("Location", ""), seconds)
