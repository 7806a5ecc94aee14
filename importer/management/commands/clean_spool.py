from typing import Any

from importer.management.command import ImporterCommand
from importer.management.refusals import refusals_in_one_line
from importer.sources.spool.folder import clean_spool


class Command(ImporterCommand):
    help = "Remove this machine's copies of sources whose jobs are completed, deleted or idle for a week."

    def handle(self, **_: Any) -> None:
        with refusals_in_one_line():
            removed = clean_spool()
        self.stdout.write(f"{removed} files removed from the spool.")
