from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cortex.signon.locks import CacheCannotList, Lock, lift, locks, names

KINDS = {
    "pair": "{name} from {network}",
    "name": "{name} from anywhere, except browsers that have logged in with it before",
    "device": "{name} in a browser that has logged in with it before",
    "network": "passwords from {network}",
    "begin": "sign-ons from {network}",
}


class Command(BaseCommand):
    help = "Show whom the limits of tries keep out, and let them in again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--lift", metavar="WHO", help="forget the tries of a name or from an address")
        parser.add_argument("--lift-all", action="store_true", help="forget all tries")

    def handle(self, *, lift: str | None, lift_all: bool, **options: Any) -> None:
        try:
            if lift or lift_all:
                self.lift(lift or "")
            else:
                self.show()
        except CacheCannotList:
            raise CommandError(
                "The cache is not in Redis, so each process counts for itself; restart the site to lift its locks."
            ) from None

    def lift(self, who: str) -> None:
        number = lift(who)
        about = f' for "{who}"' if who else ""
        counters = "1 counter" if number == 1 else f"{number:,} counters"
        self.stdout.write(f"Forgot {counters}{about}." if number else f"Nothing was counted{about}.")

    def show(self) -> None:
        found = sorted(locks(), key=lambda lock: (lock.kind, -lock.seconds_left))
        known = names({lock.name for lock in found})
        for lock in found:
            self.stdout.write(in_words(lock, known))
        if not found:
            self.stdout.write("Nobody is locked out.")


def in_words(lock: Lock, known: dict[str, str]) -> str:
    name = known.get(lock.name, f"a name without an account ({lock.name[:8]})")
    whom = KINDS[lock.kind].format(name=name, network=lock.network or "an unknown address")
    return f"{whom}: {lock.tries:,} tries, locked for {lock.seconds_left} s more"
