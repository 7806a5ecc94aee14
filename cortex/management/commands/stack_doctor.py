import sys
from typing import Any

from django.core.management.base import BaseCommand

from cortex.monitoring.doctor import examine


class Command(BaseCommand):
    help = "Check the running deployment and print each problem with its fix. Exits with 1 if there is one."

    def handle(self, **options: Any) -> None:
        number = 0
        for name, findings in examine():
            if not findings:
                self.stdout.write(f"{self.style.SUCCESS('ok')}  {name}")
            for finding in findings:
                number += 1
                self.stdout.write(f"{self.style.ERROR('!!')}  {name}: {finding.what}\n    → {finding.fix}")
        summary = f"{number} {'problem' if number == 1 else 'problems'}." if number else "No problems found."
        self.stdout.write(f"{summary} `manage.py check --deploy` checks the settings.")
        if number:
            sys.exit(1)
