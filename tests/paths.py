"""Names the folder of the checkout."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
