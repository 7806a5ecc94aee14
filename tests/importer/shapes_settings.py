"""The site of the benchmark's shapes, with the importer's settings of a private site."""

import json
import os

os.environ["BENCHMARK_DATABASE_URL"] = os.environ["DATABASE_URL"]
os.environ["BENCHMARK_FOLDER"] = os.path.dirname(os.environ["TEST_LEGACY"])

from benchmarks.settings import *  # noqa: F403 (they read the environment, which is set by now)

IMPORTER = json.loads(os.environ["TEST_IMPORTER"])
