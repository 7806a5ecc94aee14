from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from tracking.management.users import is_confirmed, user_named
from tracking.privacy import personal_data
from tracking.privacy.mentions import Person
from tracking.privacy.references import references_to

# What no app can erase.
STAYS_ANYWAY = (
    "the account itself, until it is deleted",
    "backups, until they are overwritten",
    "log files of servers and proxies",
    "caches, for as long as their values live",
)


class Command(BaseCommand):
    help = "Erase a user from every installed app that knows how to, and tell what stays."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="the name that the user logs in with")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *, user: str, yes: bool, **options: Any) -> None:
        person = user_named(user)
        if not yes and not is_confirmed(_question(person)):
            self.stdout.write("Nothing was erased.")
            return
        hooks = dict(_hooks())
        failed = [label for label, hook in hooks.items() if not self._ask(label, hook, person)]
        self._tell_references(person, asked=set(hooks))
        self._tell("stays in any case", STAYS_ANYWAY)
        if failed:
            raise CommandError(
                f"Not erased by {', '.join(failed)}: fix the reason above and run the command again."
            )

    def _ask(self, label: str, hook: Callable[[Any], Any], person: Any) -> bool:
        """False where the app could not; the others are asked all the same."""
        self.stdout.write(label)
        try:
            answer = _checked(hook(person))
        except Exception as error:  # whatever an app's own code raises
            reason = " ".join(str(error).split()) or "without a reason"
            self.stderr.write(f"  not erased: {type(error).__name__}: {reason}")
            return False
        for kind in ("erased", "stays"):
            self._tell(f"  {kind}", answer.get(kind, ()))
        return True

    def _tell_references(self, person: Any, *, asked: set[str]) -> None:
        found = references_to(person, but=asked)
        told = [f"{ref.label}: {'unreadable' if ref.rows is None else f'{ref.rows:,} rows'}" for ref in found]
        self._tell("not asked, since the app has no erase_user(); rows that refer to the user", told)

    def _tell(self, title: str, lines: Any) -> None:
        for number, line in enumerate(lines):
            if not number:
                self.stdout.write(title)
            self.stdout.write(f"{' ' * (len(title) - len(title.lstrip()))}  - {line}")


def _question(person: Any) -> str:
    """With the words by which texts are searched: a user called "admin" is in many a text that is about nobody."""
    words = " and ".join(f'"{name}"' for name in Person.of(person).names)
    return f"Erase {person.get_username()}, and texts with {words} as whole words? It cannot be undone."


def _hooks() -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """By the app's label: tracking first, since it ends the user's sessions."""
    yield "tracking", personal_data.erase_user
    for config in apps.get_app_configs():
        hook = getattr(config, "erase_user", None)
        if callable(hook):
            yield config.label, hook


def _checked(answer: Any) -> dict[str, list[str]]:
    """The hook's answer, if it is what docs/tracking.md asks for; raises TypeError."""
    if isinstance(answer, dict) and set(answer) <= {"erased", "stays"}:
        return {kind: [str(line) for line in lines] for kind, lines in answer.items()}
    raise TypeError(f'erase_user() returned {type(answer).__name__}, not {{"erased": [...], "stays": [...]}}')
