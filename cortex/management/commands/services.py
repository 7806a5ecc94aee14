from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from cortex.embedded.checkout import start_services, stop_services
from cortex.embedded.errors import EmbeddedServerError
from cortex.embedded.state import read_state


class Command(BaseCommand):
    help = "Start, stop or show the embedded PostgreSQL and Valkey of this checkout."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["up", "down", "status"])
        parser.add_argument("--delete-data", action="store_true", help="with down: delete all data as well")

    def handle(self, *args: Any, action: str, delete_data: bool, **options: Any) -> None:
        if delete_data and action != "down":
            raise CommandError(f'--delete-data does not go with "{action}": use it with down.')
        try:
            if action == "up":
                self.up()
            elif action == "down":
                self.down(delete_data=delete_data)
            else:
                self.status()
        except EmbeddedServerError as error:
            raise CommandError(str(error)) from error

    def up(self) -> None:
        warnings: list[str] = []
        for server in start_services(settings.LOCAL_DIR, warnings=warnings).values():
            self.stdout.write(f"{server.name} runs on 127.0.0.1:{server.port}, its files in {server.home}")
        for warning in warnings:
            self.stderr.write(
                self.style.WARNING(f"{warning} Continuing without it: each process has its own cache.")
            )

    def down(self, *, delete_data: bool) -> None:
        stopped = stop_services(settings.LOCAL_DIR, delete_data=delete_data)
        self.stdout.write(f"Stopped {' and '.join(stopped)}." if stopped else "Nothing was running.")
        if delete_data:
            self.stdout.write("Their data is deleted.")

    def status(self) -> None:
        """Exits with 1 when nothing runs, so that scripts can check."""
        running = [server for server in read_state(settings.LOCAL_DIR).values() if server.is_running()]
        for server in running:
            self.stdout.write(f"{server.name} runs on 127.0.0.1:{server.port} (process {server.pid})")
        if not running:
            raise CommandError(
                "Nothing is running. Start the services with `make services-up`.", returncode=1
            )
