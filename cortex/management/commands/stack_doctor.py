import sys
from typing import Any

from django.core.management.base import BaseCommand

from cortex.monitoring.doctor import examine


class Command(BaseCommand):
    help = "Says what this deployment got wrong, each with the way out. Ends with 1 where there is something."

    def handle(self, **options: Any) -> None:
        number = 0
        for name, findings in examine():
            if not findings:
                self.stdout.write(f"{self.style.SUCCESS('ok')}  {name}")
            for finding in findings:
                number += 1
                self.stdout.write(f"{self.style.ERROR('!!')}  {name}: {finding.what}\n    → {finding.mend}")
        found = f"{number} {'finding' if number == 1 else 'findings'}." if number else "Nothing to mend."
        self.stdout.write(f"{found} `manage.py check --deploy` looks at the settings.")
        if number:
            sys.exit(1)
