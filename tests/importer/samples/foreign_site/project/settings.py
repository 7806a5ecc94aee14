"""A small site's settings: what is there without `importer`, and the two places where it is added."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "not-a-secret-" + "0" * 40

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "importer",
    "league",
]

_url = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _url.path.removeprefix("/"),
        "USER": unquote(_url.username or ""),
        "PASSWORD": unquote(_url.password or ""),
        "HOST": _url.hostname or "",
        "PORT": str(_url.port or ""),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

IMPORTER = {
    "SOURCE_ROOTS": [str(BASE_DIR / "records")],
    # Small, so that two workers have something to share.
    "CHUNK_BYTES": int(os.environ.get("CHUNK_BYTES", 1_000_000)),
    "CHUNK_RECORDS": 20_000,
}
