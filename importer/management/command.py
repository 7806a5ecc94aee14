"""The base class of the importer's commands, which lets them start and end quickly."""

import atexit
import gc

from django.core.management.base import BaseCommand

from importer.checks import TAG


class ImporterCommand(BaseCommand):
    # All checks of a site take as long as a small import, because they load its URLs and views.
    requires_system_checks = (TAG,)

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as a process of its own, which then ends."""
        # When Python ends it searches all objects for cycles, several times: 70 ms with Django and Polars loaded.
        atexit.register(gc.freeze)
        super().run_from_argv(argv)
