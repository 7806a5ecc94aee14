"""The app costs the commands of a site that import nothing as little as can be."""

import subprocess
import sys

from tests.importer.private_site import PrivateSite


def test_django_starts_without_the_pipeline(private_site: PrivateSite) -> None:
    heavy = ["polars", "importer.run.run", "importer.work.worker"]
    look = f"import django, sys; django.setup(); print([m for m in {heavy} if m in sys.modules])"

    found = subprocess.run(
        [sys.executable, "-c", look],
        env=private_site.environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.strip() == "[]"
