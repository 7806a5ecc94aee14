"""The site's settings with a deployment's environment, each in a separate process."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.paths import PROJECT

KEY = "k3JhQm7Zt1VxPa9Ls5Wd0Rf8Yc2Gb6Ne4Uo-" * 2
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "cortex.settings",
    "SECRET_KEY": KEY,
    "ALLOWED_HOSTS": "cortex.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://cortex.example.com",
    "SERVED_OVER_HTTPS": "on",
    "TRUST_X_FORWARDED_PROTO": "on",
    "DATABASE_POOLED": "on",
    "LOG_JSON": "on",
    "TRUSTED_PROXY_COUNT": "1",
}
ASK = """
import django
django.setup()
from django.test import Client
for secure in (False, True):
    forwarded = {"x-forwarded-proto": "https"} if secure else {}
    answer = Client().get("/admin/login/", headers={"host": "cortex.example.com"} | forwarded)
    cookies = [bool(cookie["secure"]) for cookie in answer.cookies.values()]
    print(answer.status_code, answer.headers.get("Strict-Transport-Security"), cookies)
"""


def inherited() -> dict[str, str]:
    """The environment without the variable that the browser tests set in this process."""
    return {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}


def run(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT,
        env=inherited() | PRODUCTION | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_deployment_check_finds_nothing() -> None:
    result = run("manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


def test_the_deployment_check_finds_what_is_left_out() -> None:
    result = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", SERVED_OVER_HTTPS="")

    assert result.returncode == 1
    for missing in ("security.W004", "security.W008", "security.W012", "security.W016"):
        assert missing in result.stderr


def test_all_goes_over_https_with_cookies_that_stay_there() -> None:
    result = run("-c", ASK)

    assert result.stdout.splitlines() == [
        "301 None []",
        "200 max-age=31536000; includeSubDomains [True]",
    ], result.stderr


def test_nobody_is_believed_about_https_without_a_proxy_of_ours() -> None:
    result = run("-c", ASK, TRUST_X_FORWARDED_PROTO="")

    assert result.stdout.splitlines() == ["301 None []", "301 None []"], result.stderr


def test_a_development_key_keeps_it_from_starting() -> None:
    result = run("manage.py", "check", SECRET_KEY="for-development-only-" + "0" * 40)

    assert result.returncode == 1
    assert result.stderr.startswith("manage.py: SECRET_KEY is a known development secret."), result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_debug_keeps_it_from_starting() -> None:
    result = run("manage.py", "check", DEBUG="on")

    assert result.returncode == 1
    assert "SERVED_OVER_HTTPS is on, but DEBUG" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_logs_are_lines_of_json() -> None:
    ask = (
        "import django; django.setup(); from django.test import Client; Client().get('/nowhere', secure=True)"
    )

    result = run("-W", "ignore", "-c", ask, ALLOWED_HOSTS="testserver")

    entries = [json.loads(line) for line in result.stderr.splitlines()]
    assert [(entry["level"], entry["path"], entry["status"]) for entry in entries] == [
        ("WARNING", "/nowhere", 404)
    ]


def test_sessions_have_a_redis_of_their_own_where_one_is_named() -> None:
    tell = "from django.conf import settings as s; print(*(s.CACHES[a]['LOCATION'] for a in ('default', 'sessions')))"

    result = run(
        "-c",
        tell,
        REDIS_URL="redis://cache:1/0",
        SESSIONS_REDIS_URL="redis://kept:2/0",
        SESSIONS_REDIS_PASSWORD="x",
    )

    assert result.stdout.split() == ["redis://cache:1/0", "redis://:x@kept:2/0"], result.stderr


def test_a_pool_by_transactions_gets_no_cursors_on_the_server() -> None:
    tell = "from django.conf import settings; print(settings.DATABASES['default']['DISABLE_SERVER_SIDE_CURSORS'])"

    assert run("-c", tell).stdout == "True\n"
    assert run("-c", tell, DATABASE_POOLED="").stdout == "False\n"


def test_uploads_are_the_site_s_own(tmp_path: Path) -> None:
    """tests/deploy shows that nginx can still read the static files."""
    keep = (
        "import os; from django.core.files.base import ContentFile as Content; from django.core.files.storage "
        "import default_storage as kept; print(oct(os.stat(kept.path(kept.save('a.csv', Content(b'x')))).st_mode))"
    )

    result = run("-c", keep, CORTEX_LOCAL_DIR=str(tmp_path))

    assert result.stdout == "0o100600\n", result.stderr
