from io import StringIO
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from cortex.demo.accounts import ACCOUNTS, PASSWORD, create_accounts
from cortex.demo.consultancy import give_the_consultant_work
from cortex.demo.legacy_records import LegacyFile, write_legacy_files
from cortex.demo.logins import record_logins


class Command(BaseCommand):
    help = "Creates demo users, imports 100,000 legacy records, some of them bad, and records two months of logins."

    def handle(self, *args: Any, **options: Any) -> None:
        create_accounts()
        give_the_consultant_work()
        self.say("Writing 100,000 legacy records")
        files = write_legacy_files(settings.LOCAL_DIR / "demo")
        jobs = [self.run_import(file) for file in files]
        for file, job in zip(files, jobs, strict=True):
            self.say(f"What became of {file.path.name}")
            call_command("import_report", job, stdout=self.stdout)
        self.say("Recording two months of logins, an attack among them")
        self.stdout.write(f"{record_logins():,} logins and activities recorded.")
        call_command("refresh_rollups", stdout=self.stdout)
        self.say("Done. `make serve` serves it at http://127.0.0.1:8000/admin/ and /admin/analytics/")
        for account in ACCOUNTS:
            self.stdout.write(f"  {account.email:<24} {PASSWORD}   ({account.role})")

    def run_import(self, file: LegacyFile) -> str:
        self.say(f"Importing {file.path.name}")
        printed = StringIO()
        call_command("create_import", file.spec, str(file.path), stdout=printed)
        job = printed.getvalue().strip()
        call_command("run_import", job, stdout=self.stdout)
        return job

    def say(self, text: str) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(f"\n{text}"))
