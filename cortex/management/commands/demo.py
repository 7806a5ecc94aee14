import json
from io import StringIO
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from cortex.demo.accounts import create_accounts
from cortex.demo.consultancy import give_the_consultant_work
from cortex.demo.legacy_records import LegacyFile, write_legacy_files
from cortex.demo.logins import record_logins
from cortex.demo.summary import Imported, summary_lines


class Command(BaseCommand):
    help = "Creates demo users, imports 100,000 legacy records, some of them bad, and records two months of logins."

    def handle(self, *args: Any, **options: Any) -> None:
        create_accounts()
        give_the_consultant_work()
        self.say("Writing 100,000 legacy records")
        files = write_legacy_files(settings.LOCAL_DIR / "demo")
        imported = [self.run_import(file) for file in files]
        self.say("Recording two months of logins, an attack among them")
        self.stdout.write(f"{record_logins():,} logins and activities recorded.")
        call_command("refresh_rollups", stdout=self.stdout)
        self.say("Done")
        for line in summary_lines(imported):
            self.stdout.write(line)

    def run_import(self, file: LegacyFile) -> Imported:
        self.say(f"Importing {file.path.name}")
        job = printed_by("create_import", file.spec, str(file.path)).strip()
        call_command("run_import", job, stdout=self.stdout)
        report = json.loads(printed_by("import_report", job, json=True))
        return Imported(
            file=file.path.name,
            job=report["job"],
            read=report["read"],
            rejected=report["rejected"],
            reasons=len(report["families"]),
        )

    def say(self, text: str) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(f"\n{text}"))


def printed_by(command: str, *arguments: str, **options: Any) -> str:
    printed = StringIO()
    call_command(command, *arguments, stdout=printed, **options)
    return printed.getvalue()
