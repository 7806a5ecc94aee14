"""Settings of a site with only the importer and the benchmark's two tables."""

import os

import environ

DATABASES = {"default": environ.Env.db_url_config(os.environ["BENCHMARK_DATABASE_URL"])}
DATABASES["legacy"] = {
    "ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["BENCHMARK_FOLDER"] + "/legacy.sqlite"
}  # fmt: skip
if socket := os.environ.get("BENCHMARK_MARIADB"):
    import pymysql

    # Django asks for the version of mysqlclient, whose place PyMySQL takes.
    pymysql.version_info = (2, 2, 8, "final", 0)
    pymysql.install_as_MySQLdb()
    DATABASES["mariadb"] = {
        "ENGINE": "django.db.backends.mysql", "HOST": socket, "NAME": "legacy", "USER": "root"
    }  # fmt: skip
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "importer.apps.ImporterConfig",
    "procrastinate.contrib.django",
    "benchmarks.contacts.apps.ContactsConfig",
    "benchmarks.shapes.apps.ShapesConfig",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "shapes.Person"
USE_TZ = True
SECRET_KEY = "for-benchmarks-only"
IMPORTER = {"SOURCE_ROOTS": [os.environ["BENCHMARK_FOLDER"]]}
