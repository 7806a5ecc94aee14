from typing import Any

from django.contrib.staticfiles.management.commands import runserver
from django.db import connection


class Command(runserver.Command):
    def run(self, *args: Any, **options: Any) -> None:
        # Fails now with one line; otherwise the server would start and every page would fail.
        connection.ensure_connection()
        connection.close()
        super().run(*args, **options)
