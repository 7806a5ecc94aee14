"""The site as in the image, with the files and the environment of production.

nginx → gunicorn → PgBouncer → PostgreSQL, and two Redis.
"""

import http.client
import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass, replace

import pytest

from cortex.embedded.ports import free_port
from tests.deploy.crowd import ask_all, transact_all, watched
from tests.deploy.nginx import Nginx, TrustingConnection, logged, start_nginx
from tests.deploy.production import DEPLOY, DOMAIN, Site, installed, listens, start_pgbouncer

pytestmark = pytest.mark.timeout(300)
CLIENTS = 1_000
PASSWORD = "a-long-password-of-Ann"
MAKE_PEOPLE = f"""
import django
django.setup()
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.cached_db import SessionStore
from cortex.models import User
ann = User.objects.create_superuser("ann@example.com", "{PASSWORD}")
for _ in range({CLIENTS}):
    session = SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(ann.pk), ann.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session.save()
    print(session.session_key)
"""


@dataclass
class Front:
    """The response as a visitor sees it."""

    site: Site
    gunicorn: int
    nginx: Nginx
    cookies: list[str]

    @property
    def secure(self) -> int:
        return self.nginx.secure

    @property
    def certificate(self) -> str:
        return str(self.site.place.secrets / "tls_certificate")

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: str | bytes | None = None,
        plain: bool = False,
        **headers: str,
    ) -> "tuple[http.client.HTTPResponse, str]":
        connection: http.client.HTTPConnection
        if plain:
            connection = http.client.HTTPConnection("127.0.0.1", self.nginx.plain, timeout=40)
        else:
            connection = TrustingConnection(self.secure, self.certificate)
        told = {"Host": DOMAIN, "Connection": "close"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        connection.request(method, path, body=body, headers=told)
        response = connection.getresponse()
        content = response.read().decode(errors="replace")
        connection.close()
        return response, content

    def log_in(self, password: str, **headers: str) -> int:
        """Returns the status: 302 after signing in, 200 for the form again."""
        response, page = self.ask("/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        cookie = re.search(r"csrftoken=(\w+)", response.headers["Set-Cookie"])
        assert token
        assert cookie
        body = urllib.parse.urlencode(
            {
                "csrfmiddlewaretoken": token[1],
                "username": "ann@example.com",
                "password": password,
                "next": "/admin/",
            }
        )
        answer, _ = self.ask(
            "/admin/login/", method="POST", body=body, Cookie=f"csrftoken={cookie[1]}",
            Content_Type="application/x-www-form-urlencoded", Referer=f"https://{DOMAIN}/admin/login/", **headers,
        )  # fmt: skip
        return answer.status


@pytest.fixture(scope="module")
def front(site: Site) -> Front:
    site.run("manage.py", "collectstatic", "--noinput", "--verbosity", "0")
    # Collects the static files, as `migrate` of the compose file does, onto the volume that nginx reads.
    (site.folder / "staticfiles").rename(site.place.folder / "static")
    cookies = site.run("-c", MAKE_PEOPLE).stdout.split()
    # The site looks for them here; in the image they stay here as well.
    (site.folder / "staticfiles").symlink_to(site.place.folder / "static")
    (site.place.folder / "static").chmod(0o755)
    gunicorn = site.start_gunicorn()
    return Front(site, gunicorn, start_nginx(site.place, web=gunicorn), cookies)


def test_a_thousand_clients_at_once_need_no_more_than_a_hundred_connections(site: Site) -> None:
    port = start_pgbouncer(site.place, site.database)
    with site.database.connect("cortex") as owner:
        owner.execute("CREATE TABLE crowd (client int, step int)")
    password = site.place.secret("database_web_password")

    with watched(site.database, "cortex_web") as watch:
        faults = transact_all(f"postgres://cortex_web:{password}@127.0.0.1:{port}/cortex", CLIENTS, 5)

    site.place.end(site.place.children[-1])  # otherwise it keeps its connections
    with site.database.connect("cortex") as owner:
        written = owner.execute("SELECT count(*), count(DISTINCT client) FROM crowd").fetchone()
        owner.execute("DROP TABLE crowd")
    assert faults == []
    assert written == (5 * CLIENTS, CLIENTS)
    assert watch.looks > 20
    # Many connections, otherwise this test shows nothing; and never more than the limit.
    assert 50 <= watch.most <= 100


@pytest.mark.long  # the shorter twin is above: as many clients of the pooler
def test_a_thousand_people_at_once_each_get_their_page(front: Front) -> None:
    assert len(set(front.cookies)) == CLIENTS
    nginx = start_nginx(front.site.place, web=front.gunicorn, name="crowded", balancer="127.0.0.1")
    # From ten offices: a network has no more than 256 requests at once.
    crowd = [
        {"Cookie": f"sessionid={cookie}", "X-Forwarded-For": f"198.18.7.{number % 10}"}
        for number, cookie in enumerate(front.cookies)
    ]

    with watched(front.site.database, "cortex_web") as watch:
        answers = ask_all(nginx.secure, "/admin/", crowd, certificate=front.certificate)

    statuses = [status for status, _ in answers]
    assert {status: statuses.count(status) for status in set(statuses)} == {200: CLIENTS}
    assert all(b"ann@example.com" in answer for _, answer in answers)
    assert 1 <= watch.most <= 100


def test_the_dashboard_works_with_the_rights_of_the_site(front: Front) -> None:
    response, page = front.ask("/admin/analytics/", Cookie=f"sessionid={front.cookies[0]}")

    assert response.status == 200, page[-500:]


def test_plain_http_is_sent_to_https(front: Front) -> None:
    response, _ = front.ask("/admin/?a=1", plain=True)

    assert (response.status, response.headers["Location"]) == (301, f"https://{DOMAIN}/admin/?a=1")


def test_a_page_has_each_header_of_security_once(front: Front) -> None:
    response, _ = front.ask("/admin/login/")

    for name, value in {
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }.items():
        assert response.headers.get_all(name) == [value], name
    assert len(response.headers.get_all("Content-Security-Policy") or []) == 1
    assert response.headers["Server"] == "nginx"
    assert "secure" in response.headers["Set-Cookie"].lower()


def test_what_machines_ask_is_not_for_strangers(front: Front) -> None:
    assert front.ask("/healthz")[1] == '{"status": "ok"}'
    for path in (
        "/metrics", "/readyz", "/auth/admin/", "/auth/realms/master/", "/auth/metrics", "/auth/health/ready",
        "/auth/realms/cortex/../master/", "/auth/realms/master/login-actions/authenticate", "/grafana/metrics",
    ):  # fmt: skip
        assert front.ask(path)[0].status == 404, path


def test_the_site_is_ready_with_all_that_is_behind_it(front: Front) -> None:
    status, told = ask_behind_nginx(front, "/readyz", Host="web:8000")

    assert status == 200
    assert json.loads(told) == {"status": "ready", "database": "ok", "cache": "ok", "sessions": "ok"}


def test_prometheus_gets_its_figures_by_an_address_and_a_token_and_nobody_else_does(front: Front) -> None:
    token = front.site.place.secret("metrics_token")

    # Prometheus uses containers' addresses, without TLS.
    status, told = ask_behind_nginx(
        front, "/metrics", Host="172.18.0.5:8000", Authorization=f"Bearer {token}"
    )
    assert (status, "cortex_cache_hits_total" in told) == (200, True), told[-300:]
    assert ask_behind_nginx(front, "/metrics", Host="172.18.0.5:8000", Authorization="Bearer x")[0] == 401


def ask_behind_nginx(front: Front, path: str, **headers: str) -> tuple[int, str]:
    """Sends a request from the stack's own network."""
    connection = http.client.HTTPConnection("127.0.0.1", front.gunicorn, timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    told = answer.read().decode()
    connection.close()
    return answer.status, told


@pytest.mark.parametrize("service", ["web", "worker", "migrate"])
def test_what_compose_tells_the_site_passes_its_checks(site: Site, service: str) -> None:
    site.run("manage.py", "check", "--deploy", "--fail-level", "WARNING", service=service)


def test_the_doctor_misses_nothing_but_what_is_not_started_here(front: Front) -> None:
    site = front.site
    site.run("manage.py", "refresh_rollups", service="worker")
    told = subprocess.run(
        [sys.executable, "manage.py", "stack_doctor"],
        cwd=site.folder, env=site.environment("web"), capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert (told.returncode, told.stderr) == (1, "")
    findings = [line for line in told.stdout.splitlines() if line.startswith("!!")]
    assert [finding.partition(": ")[0] for finding in findings] == ["!!  object store", "!!  workers"], (
        told.stdout
    )


BACKGROUND = """
import django
django.setup()
from cortex.models import User
from importer.jobs import create_job
from importer.executors import queue
job = create_job("users", "people.csv", created_by=User.objects.get(email="ann@example.com"))
queue.enqueue_run(job.pk, job.created_by_id)
print(job.pk)
"""
PEOPLE = """USER_ID,EMAIL_ADDR,FIRST_NM,LAST_NM,ROLE_CD,STATUS_CD,LOGIN_FLG,JOIN_DT,CREATED_TS
1,bob@example.com,Bob,Ray,USER,ACTIVE,Y,01/31/2020,01/31/2020 10:00:00
2,no address,Eve,Ray,USER,ACTIVE,Y,01/31/2020,01/31/2020 10:00:00
"""


def test_what_the_web_asks_for_with_few_rights_a_worker_does(front: Front) -> None:
    site = front.site
    (site.place.folder / "people.csv").write_text(PEOPLE)
    ask = BACKGROUND.replace("people.csv", str(site.place.folder / "people.csv"))

    job = site.run("-c", ask, service="web")
    worker = ("manage.py", "procrastinate", "worker", "--one-shot", "--queues", "imports")
    site.run(*worker, service="worker")

    with site.database.connect("cortex") as owner:
        query = "SELECT status, read, inserted, rejected, error FROM data_import_jobs WHERE id = %s"
        assert owner.execute(query, [job.stdout.strip()]).fetchone() == ("completed", 2, 1, 1, "")


def test_an_import_through_the_pooler_is_refused_in_a_line_and_leaves_no_lock(front: Front) -> None:
    site = front.site
    ask = BACKGROUND.replace("people.csv", str(site.place.folder / "people.csv"))
    job = site.run("-c", ask, service="web").stdout.strip()

    told = subprocess.run(
        [sys.executable, "manage.py", "run_import", job, "--no-progress"],
        cwd=site.folder, env=site.environment("web"), capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert told.returncode == 1
    assert told.stderr.startswith("CommandError: The database is behind a transaction pooler")
    assert told.stderr.count("\n") == 1
    with site.database.connect("cortex") as owner:
        assert owner.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)
    site.run("manage.py", "run_import", job, "--no-progress", service="worker")


def test_a_pooler_is_known_by_how_it_pools(site: Site) -> None:
    found = {}
    for mode in ("transaction", "session"):
        port = start_pgbouncer(site.place, site.database, mode=mode)
        through_it = site.environment("web") | {"DATABASE_POOLED": ""}
        through_it["DATABASE_URL"] = re.sub(r":\d+/", f":{port}/", through_it["DATABASE_URL"])
        told = subprocess.run(
            [sys.executable, "manage.py", "stack_doctor"],
            cwd=site.folder, env=through_it, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        site.place.end(site.place.children[-1])
        found[mode] = [line for line in told.stdout.splitlines() if "pooling" in line]

    unknown = "The database is behind a transaction pooler, but DATABASE_POOLED is off"
    (of_transactions,), of_sessions = found["transaction"], found["session"]
    assert of_transactions.startswith(f"!!  pooling: {unknown}")
    assert of_sessions == ["ok  pooling"]


def test_people_are_offered_keycloak_and_nobody_whose_variables_are_empty(front: Front) -> None:
    _, page = front.ask("/accounts/login/")

    offered = re.findall(r"/accounts/(?:oidc/)?(\w+)/login/", page)
    assert "keycloak" in offered
    assert set(offered) <= {"keycloak", "accounts"}


def test_whether_a_visitor_would_get_in_and_until_when_is_measured(front: Front) -> None:
    place, port = front.site.place, free_port()
    command = [
        installed("prometheus-blackbox-exporter"), f"--web.listen-address=127.0.0.1:{port}",
        f"--config.file={DEPLOY / 'blackbox/blackbox.yml'}",
    ]  # fmt: skip
    exporter = place.launch("blackbox", command, is_up=lambda: listens(port))

    def probed(address: str) -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/probe?module=site&target={address}") as answer:
            told = answer.read().decode()
        return {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", told, re.MULTILINE)}

    there = probed(f"https://127.0.0.1:{front.secure}/healthz")
    gone = probed(f"https://127.0.0.1:{free_port()}/healthz")
    place.end(exporter)

    assert (there["probe_success"], gone["probe_success"]) == (1, 0)
    days = (there["probe_ssl_earliest_cert_expiry"] - time.time()) / 86_400
    assert 89 < days <= 90  # make.sh's own certificate


def test_a_stranger_s_host_name_is_refused(front: Front) -> None:
    assert front.ask("/admin/login/", Host="evil.example")[0].status == 400


def test_static_files_come_from_nginx_for_ever_and_compressed(front: Front) -> None:
    _, page = front.ask("/admin/login/")
    path = re.search(r'href="(/static/cortex/site\.[0-9a-f]{12}\.css)"', page)
    assert path

    response, _ = front.ask(path[1], Accept_Encoding="gzip")

    assert response.status == 200
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"  # added by nginx
    assert response.headers["Cache-Control"] == "max-age=315360000"
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers.get_all("X-Content-Type-Options") == ["nosniff"]


def test_a_static_file_without_a_hash_is_asked_for_again(front: Front) -> None:
    response, _ = front.ask("/static/admin/css/base.css")

    assert (response.status, response.headers["Cache-Control"]) == (200, "max-age=3600")


def test_a_static_file_that_nobody_has_is_not_found(front: Front) -> None:
    assert front.ask("/static/nothing.css")[0].status == 404
    assert front.ask("/static/../secrets/secret_key")[0].status in (400, 404)


def test_a_login_is_recorded_with_the_address_that_nginx_saw(front: Front) -> None:
    assert front.log_in("wrong", X_Forwarded_For="6.6.6.6, 7.7.7.7", X_Forwarded_Proto="http") == 200
    assert front.log_in(PASSWORD, X_Forwarded_For="6.6.6.6") == 302

    with front.site.database.connect("cortex") as owner:
        rows = owner.execute(
            "SELECT success, host(ip_address) FROM login_events ORDER BY id DESC LIMIT 2"
        ).fetchall()
    assert rows == [(True, "127.0.0.1"), (False, "127.0.0.1")]


def test_behind_a_load_balancer_people_are_told_apart_by_their_own_addresses(front: Front) -> None:
    nginx = start_nginx(front.site.place, web=front.gunicorn, name="balanced", balancer="127.0.0.1")
    behind = replace(front, nginx=nginx)
    crowd = [f"198.51.100.{number}" for number in range(25)]

    statuses = {
        behind.ask("/admin/login/", method="POST", body="", X_Forwarded_For=f"6.6.6.6, {address}")[0].status
        for address in crowd
    }

    assert statuses == {403}  # rejected without a CSRF token, but nobody has used up another client's tries
    assert behind.log_in(PASSWORD, X_Forwarded_For="6.6.6.6, 203.0.113.9") == 302
    with front.site.database.connect("cortex") as owner:
        seen = owner.execute("SELECT host(ip_address) FROM login_events ORDER BY id DESC LIMIT 1").fetchone()
    assert seen == ("203.0.113.9",)


def test_nginx_tells_its_container_that_it_is_well(front: Front) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{front.nginx.health}/", timeout=5) as answer:
        assert answer.status == 204
    assert front.ask("/nginx-health", plain=True)[0].status == 301


def test_who_guesses_passwords_is_slowed_down_and_who_looks_is_not(front: Front) -> None:
    statuses = [front.ask("/admin/login/", method="POST", body="")[0].status for _ in range(25)]

    assert statuses[-1] == 429
    assert statuses.count(429) >= 10
    assert front.ask("/admin/login/")[0].status == 200


def test_what_a_provider_s_answer_is_brought_by_is_small_and_not_too_often(front: Front) -> None:
    path = "/accounts/saml/okta/acs/"

    large = front.ask(path, method="POST", body="x" * 600_000)[0].status
    statuses = [front.ask(path)[0].status for _ in range(90)]

    assert large == 413
    assert set(statuses) == {404, 429}  # the provider is not configured


def test_a_file_of_megabytes_reaches_the_site_where_files_are_sent(front: Front) -> None:
    path, cookie = "/admin/importer/dataimportjob/add/", f"sessionid={front.cookies[2]}"
    page, form = front.ask(path, Cookie=cookie)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    of_token = re.search(r"csrftoken=(\w+)", page.headers["Set-Cookie"])
    assert token
    assert of_token
    records = PEOPLE.splitlines()[1:2] * 150_000
    fields = {
        "csrfmiddlewaretoken": token[1],
        "spec": "users",
        "encoding": "utf-8",
        "delimiter": ",",
        "_save": "Save",
    }
    body = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    body += '--x\r\nContent-Disposition: form-data; name="upload"; filename="people.csv"\r\n\r\n'
    body += "\n".join([PEOPLE.splitlines()[0], *records]) + "\r\n--x--\r\n"

    answer, told = front.ask(
        path, method="POST", body=body, Cookie=f"{cookie}; csrftoken={of_token[1]}",
        Content_Type="multipart/form-data; boundary=x", Referer=f"https://{DOMAIN}{path}",
    )  # fmt: skip

    assert 8_000_000 < len(body) < 16_000_000
    # The whole file has reached the site, which has no object store in this test.
    assert answer.status == 200
    assert "The upload &quot;people.csv&quot; cannot be stored" in told, re.findall("errorlist.*", told)


def test_logs_are_lines_of_json_without_what_is_nobody_s_business(front: Front) -> None:
    agent = 'a"\\x0a{"forged":1}'
    front.ask("/admin/login/?next=very-secret", User_Agent=agent)

    (line,) = logged(front.nginx, 1, user_agent=agent)
    of_gunicorn = (front.site.place.folder / "gunicorn.log").read_text().splitlines()
    assert line["path"] == "/admin/login/"
    assert "very-secret" not in str(line)
    assert len([json.loads(told) for told in of_gunicorn]) > 2


def test_when_redis_goes_away_people_stay_logged_in(front: Front) -> None:
    for child in front.site.place.children:
        if "redis-" in str(child.args):
            front.site.place.end(child)

    response, page = front.ask("/admin/", Cookie=f"sessionid={front.cookies[1]}")

    assert response.status == 200
    assert "ann@example.com" in page
