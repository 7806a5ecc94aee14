"""The app costs the commands of a site that import nothing as little as can be."""

import subprocess
import sys
from pathlib import Path

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


def test_commands_load_neither_the_sites_urls_nor_run_its_checks(
    private_site: PrivateSite, tmp_path: Path
) -> None:
    site = "from tests.importer.private_settings import *\nROOT_URLCONF = 'views_that_take_seconds'\n"
    (tmp_path / "site_without_urls.py").write_text(site)
    environment = private_site.environment()
    environment |= {
        "DJANGO_SETTINGS_MODULE": "site_without_urls",
        "PYTHONPATH": f"{environment['PYTHONPATH']}:{tmp_path}",
    }

    finished = subprocess.run(
        [sys.executable, "-m", "django", "clean_spool"], env=environment, capture_output=True, text=True
    )

    assert (finished.returncode, finished.stderr) == (0, "")


def test_commands_still_find_contradictions_in_the_importers_settings(private_site: PrivateSite) -> None:
    environment = private_site.environment({"BATCH_SIZE_MIN": 500, "BATCH_SIZE_MAX": 100})

    finished = subprocess.run(
        [sys.executable, "-m", "django", "clean_spool"], env=environment, capture_output=True, text=True
    )

    assert finished.returncode == 1
    assert "importer.E002" in finished.stderr
