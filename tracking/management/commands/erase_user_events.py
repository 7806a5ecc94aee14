from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tracking.management.users import is_confirmed, user_named
from tracking.privacy.personal_data import erase


class Command(BaseCommand):
    help = "Erase a user's names, addresses, devices and activities from tracking. Counts stay, and sessions end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="the name that the user signs in with")
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def handle(self, *, user: str, yes: bool, **options: Any) -> None:
        person = user_named(user)
        if not yes and not is_confirmed(f'Erase the data of "{user}"? This cannot be undone.'):
            self.stdout.write("Nothing was erased.")
            return
        counts = ", ".join(f"{number:,} of kind {kind}" for kind, number in erase(person).items())
        self.stdout.write(f"Erased: {counts}.")
