import subprocess
import sys
from collections.abc import Iterator

import pytest

from cortex.embedded.ports import free_port
from tests.deploy.compose import PROJECT
from tests.deploy.nginx import Nginx, start_nginx
from tests.deploy.production import (
    Database,
    Place,
    Site,
    listens,
    make_image,
    place,
    start_pgbouncer,
    start_postgres,
    start_redis,
    wait_until,
)


@pytest.fixture(scope="module")
def deployment() -> Iterator[Place]:
    with place() as made:
        yield made


@pytest.fixture(scope="module")
def database(deployment: Place) -> Database:
    """Runs PostgreSQL with deploy/'s configuration and roles, without tables."""
    return start_postgres(deployment)


@pytest.fixture(scope="module")
def site(deployment: Place, database: Database) -> Site:
    """Runs the site as in the image, migrated, with all services that compose puts behind it."""
    pool = start_pgbouncer(deployment, database)
    cache, sessions = start_redis(deployment, "cache"), start_redis(deployment, "sessions")
    made = Site(
        deployment,
        make_image(deployment),
        database,
        {
            "pgbouncer:6432": f"127.0.0.1:{pool}",
            "postgres:5432": f"127.0.0.1:{database.port}",
            "redis-cache:6379": f"127.0.0.1:{cache.port}",
            "redis-sessions:6379": f"127.0.0.1:{sessions.port}",
        },
    )
    made.run("manage.py", "migrate", "--noinput", "--verbosity", "0")
    return made


@pytest.fixture(scope="module")
def upstream(deployment: Place) -> int:
    """Runs a small site under gunicorn as nginx' only backend, and returns its port."""
    port, log = free_port(), deployment.folder / "upstream.log"
    command = [
        sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", "64", "--config", "/dev/null",
        "tests.deploy.upstream:answer",
    ]  # fmt: skip
    with log.open("ab") as output:
        child = subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=output, start_new_session=True)
    deployment.children.append(child)
    wait_until(lambda: listens(port), child=child, log=log)
    return port


@pytest.fixture(scope="module")
def nginx(deployment: Place, upstream: int) -> Nginx:
    """Runs nginx as behind a load balancer on this machine, so that clients can claim any address."""
    static = deployment.folder / "static"
    static.mkdir(mode=0o755)
    for name in ("site.css", "site.0123456789ab.css"):
        (static / name).write_text("body {}")
    return start_nginx(deployment, web=upstream, grafana=upstream, balancer="127.0.0.1")
