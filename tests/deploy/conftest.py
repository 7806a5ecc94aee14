from collections.abc import Iterator

import pytest

from tests.deploy.production import (
    Database,
    Place,
    Site,
    make_image,
    place,
    start_pgbouncer,
    start_postgres,
    start_redis,
)


@pytest.fixture(scope="module")
def deployment() -> Iterator[Place]:
    with place() as made:
        yield made


@pytest.fixture(scope="module")
def database(deployment: Place) -> Database:
    """PostgreSQL with deploy/'s configuration and roles, without tables."""
    return start_postgres(deployment)


@pytest.fixture(scope="module")
def site(deployment: Place, database: Database) -> Site:
    """The site as the image has it, migrated, with all that compose puts behind it."""
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
