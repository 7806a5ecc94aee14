from typing import Any

from django.contrib.staticfiles.management.commands import runserver
from django.db import connection


class Command(runserver.Command):
    def run(self, *args: Any, **options: Any) -> None:
        # Without this the server would start, and every page would fail.
        connection.ensure_connection()
        connection.close()
        super().run(*args, **options)
