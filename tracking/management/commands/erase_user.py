from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from tracking.management.users import is_confirmed, user_named
from tracking.privacy import personal_data
from tracking.privacy.mentions import Person
from tracking.privacy.references import references_to

# No app can erase these.
STAYS_ANYWAY = (
    "the account itself, until it is deleted",
    "backups, until they are overwritten",
    "log files of servers and proxies",
    "caches, for as long as their values live",
)


class Command(BaseCommand):
    help = "Erase a user from every installed app that can, and list what stays."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="the name that the user signs in with")
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def handle(self, *, user: str, yes: bool, **options: Any) -> None:
        person = user_named(user)
        if not yes and not is_confirmed(_question(person)):
            self.stdout.write("Nothing was erased.")
            return
        hooks = dict(_hooks())
        failed = [label for label, hook in hooks.items() if not self._call(label, hook, person)]
        self._list_references(person, called=set(hooks))
        self._list("stays in any case", STAYS_ANYWAY)
        if failed:
            raise CommandError(
                f"Not erased by {', '.join(failed)}: fix the reason above and run the command again."
            )

    def _call(self, label: str, hook: Callable[[Any], Any], person: Any) -> bool:
        """Call an app's hook. Returns False if it raises; the other hooks are called all the same."""
        self.stdout.write(label)
        try:
            result = _checked(hook(person))
        except Exception as error:  # an app's own code may raise anything
            reason = " ".join(str(error).split()) or "without a reason"
            self.stderr.write(f"  not erased: {type(error).__name__}: {reason}")
            return False
        for kind in ("erased", "stays"):
            self._list(f"  {kind}", result.get(kind, ()))
        return True

    def _list_references(self, person: Any, *, called: set[str]) -> None:
        references = references_to(person, but=called)
        lines = [
            f"{ref.label}: {'unreadable' if ref.rows is None else f'{ref.rows:,} rows'}" for ref in references
        ]
        self._list("not erased, because the app has no erase_user(); rows that refer to the user", lines)

    def _list(self, title: str, lines: Any) -> None:
        for number, line in enumerate(lines):
            if not number:
                self.stdout.write(title)
            self.stdout.write(f"{' ' * (len(title) - len(title.lstrip()))}  - {line}")


def _question(person: Any) -> str:
    """Ask with the names that texts are searched for: the name "admin" is in many texts that are about nobody."""
    words = " and ".join(f'"{name}"' for name in Person.of(person).names)
    return f"Erase {person.get_username()}, and texts with {words} as whole words? This cannot be undone."


def _hooks() -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Yield the hooks by app label, tracking first, because it ends the user's sessions."""
    yield "tracking", personal_data.erase_user
    for config in apps.get_app_configs():
        hook = getattr(config, "erase_user", None)
        if callable(hook):
            yield config.label, hook


def _checked(result: Any) -> dict[str, list[str]]:
    """Return a hook's result. Raises TypeError if it is not what docs/tracking.md describes."""
    if isinstance(result, dict) and set(result) <= {"erased", "stays"}:
        return {kind: [str(line) for line in lines] for kind, lines in result.items()}
    raise TypeError(f'erase_user() returned {type(result).__name__}, not {{"erased": [...], "stays": [...]}}')
