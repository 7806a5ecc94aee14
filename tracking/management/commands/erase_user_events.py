from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tracking.management.users import is_confirmed, user_named
from tracking.privacy.personal_data import erase


class Command(BaseCommand):
    help = "Takes a user out of all that is kept: names, addresses, devices and deeds. Counts stay, and sessions end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="the name that the user logs in with")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *, user: str, yes: bool, **options: Any) -> None:
        person = user_named(user)
        if not yes and not is_confirmed(f'Erase what is kept of "{user}"? It cannot be brought back.'):
            self.stdout.write("Nothing was erased.")
            return
        counts = ", ".join(f"{number:,} of kind {kind}" for kind, number in erase(person).items())
        self.stdout.write(f"Erased: {counts}.")
