"""The site's settings on the services of this test run, so that no test reaches another database."""

from pathlib import Path

from tests.throwaway_services import PATIENCE, use_throwaway_services

use_throwaway_services()

from cortex.settings import *  # noqa: E402, F403 (they read the environment, which is set by now)
from cortex.settings import CACHES, INSTALLED_APPS  # noqa: E402

INSTALLED_APPS = [*INSTALLED_APPS, "tests.quick_flush"]
if Path(__file__).with_name("importer").joinpath("samples").is_dir():
    INSTALLED_APPS = [
        *INSTALLED_APPS,
        *(f"tests.importer.samples.{name}" for name in ("crm", "domains", "order", "places")),
    ]

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {alias: cache | {"OPTIONS": cache["OPTIONS"] | PATIENCE} for alias, cache in CACHES.items()}
