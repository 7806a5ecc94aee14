"""Runs PostgreSQL and Valkey for one test run: on free ports, in a temporary folder, deleted afterwards.

A keeper process owns them. It ends, and they with it, when the pipe to the test run closes, and that happens however
the run ends: at its end, by Ctrl-C, by `kill -9`. Whatever the run starts (workers, commands) finds them in the
environment.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from tests.paths import PROJECT

MARK = "CORTEX_THROWAWAY_SERVICES"
STOP_SECONDS = 60
DEVELOPERS_OWN = (
    "ALLOWED_HOSTS", "DATABASE_POOLED", "DEBUG", "HASHED_STATIC_FILES", "SERVED_OVER_HTTPS", "SESSIONS_REDIS_URL",
    "GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "IMPORTER_SOURCE_ROOTS", "KEYCLOAK_CLIENT_ID",
    "KEYCLOAK_CLIENT_SECRET", "KEYCLOAK_REALM", "KEYCLOAK_URL", "LEGACY_DATABASE_URL", "OKTA_OIDC_CLIENT_ID",
    "OKTA_OIDC_CLIENT_SECRET", "OKTA_OIDC_URL", "OKTA_SAML_CERTIFICATE", "OKTA_SAML_ENTITY_ID", "OKTA_SAML_SSO_URL",
    "SIGN_ON_DOMAINS",
)  # fmt: skip
CACHE_DATABASES = 16  # Valkey's default
# On a loaded machine a healthy Redis may answer late. Only tests of outages use the product's own 0.15 s.
PATIENCE = {"SOCKET_TIMEOUT": 10, "SOCKET_CONNECT_TIMEOUT": 10}


def use_throwaway_services() -> None:
    _keep_bytecode()
    if MARK not in os.environ:
        _start()
    _take_own_cache()


def _keep_bytecode() -> None:
    """Keep compiled modules, though many containers forbid it.

    The tests start hundreds of processes, and each would spend three of its five seconds of CPU on compiling.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def _start() -> None:
    keeper = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=PROJECT,
        start_new_session=True,
        text=True,
    )
    assert keeper.stdout
    environment = keeper.stdout.readline()
    if not environment:
        raise SystemExit("The services for the tests do not start; the reason stands above.")
    # Nothing of the developer's own set-up: neither its databases nor its `.env`.
    nothing = dict.fromkeys(DEVELOPERS_OWN, "")
    os.environ.update(nothing | {"ENV_FILE": os.devnull, "SECRET_KEY": "for-tests-only-" + "0" * 40})
    os.environ.update(json.loads(environment) | {MARK: str(keeper.pid)})
    atexit.register(_dismiss, keeper, os.getpid())


def _take_own_cache() -> None:
    """Gives each worker of a parallel run its own part of the cache. It already has its own database."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker.startswith("gw"):
        number = 1 + int(worker.removeprefix("gw")) % (CACHE_DATABASES - 1)
        os.environ["REDIS_URL"] = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{number}").geturl()


def _dismiss(keeper: "subprocess.Popen[str]", owner: int) -> None:
    if os.getpid() != owner:
        return  # a fork inherits what is registered, but not the right
    assert keeper.stdin
    keeper.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        keeper.wait(STOP_SECONDS)


def keep_services() -> None:
    from cortex.embedded.errors import EmbeddedServerError
    from cortex.embedded.postgres import EmbeddedPostgres
    from cortex.embedded.valkey import EmbeddedValkey

    folder = Path(tempfile.mkdtemp(prefix="cortex-tests-"))
    try:
        folder.chmod(0o711)  # for the account that root's servers run as; the folders in it are closed
        with (
            EmbeddedPostgres(folder / "postgres", durable=False) as postgres,
            EmbeddedValkey(folder / "valkey", durable=False) as valkey,
        ):
            print(json.dumps({"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url}), flush=True)
            sys.stdin.read()
    except EmbeddedServerError as error:
        sys.exit(str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    keep_services()
