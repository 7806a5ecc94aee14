from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cortex.signon.locks import CacheCannotList, Lock, lift, locks, names

KINDS = {
    "pair": "{name} from {network}",
    "name": "{name} from anywhere, except browsers that have signed in with it before",
    "device": "{name} in a browser that has signed in with it before",
    "network": "passwords from {network}",
    "begin": "sign-ons from {network}",
}


class Command(BaseCommand):
    help = "List who is locked out after too many tries to sign in, or lift the locks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--lift", metavar="WHO", help="unlock this name or address")
        parser.add_argument("--lift-all", action="store_true", help="unlock everybody")

    def handle(self, *, lift: str | None, lift_all: bool, **options: Any) -> None:
        try:
            if lift or lift_all:
                self.lift(lift or "")
            else:
                self.show()
        except CacheCannotList:
            raise CommandError(
                "The cache is not in Redis, so each process counts for itself. Restart the site to lift its locks."
            ) from None

    def lift(self, who: str) -> None:
        number = lift(who)
        scope = f' for "{who}"' if who else ""
        counters = "1 counter" if number == 1 else f"{number:,} counters"
        self.stdout.write(f"Deleted {counters}{scope}." if number else f"No tries are counted{scope}.")

    def show(self) -> None:
        current = sorted(locks(), key=lambda lock: (lock.kind, -lock.seconds_left))
        emails = names({lock.name for lock in current})
        for lock in current:
            self.stdout.write(describe(lock, emails))
        if not current:
            self.stdout.write("Nobody is locked out.")


def describe(lock: Lock, emails: dict[str, str]) -> str:
    name = emails.get(lock.name, f"a name without an account ({lock.name[:8]})")
    whom = KINDS[lock.kind].format(name=name, network=lock.network or "an unknown address")
    return f"{whom}: {lock.tries:,} tries, locked for {lock.seconds_left} s more"
