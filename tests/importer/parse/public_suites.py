"""Fetches test suites of other CSV readers from npm's public registry, and keeps them in `.local`.

Without npm or the registry, the tests that need them are skipped with a reason.
"""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.paths import PROJECT

FOLDER = PROJECT / ".local" / "public-suites"
PACKAGES = {
    "csv-spectrum": "2.0.0",
    "papaparse": "5.7.1",
    "vega-datasets": "3.2.1",
    "world-countries": "5.1.0",
}

# The cases are JavaScript; this evaluates them without running them, and prints what is plain data in them.
EXTRACT = r"""
const fs = require("fs"), vm = require("vm"), path = require("path");
const folder = process.argv[1];
const describe = () => {};
describe.skip = () => {};
const context = { chai: { assert: {} }, Papa: require(path.join(folder, "papaparse.js")), describe, it: describe };
vm.createContext(context);
vm.runInContext(fs.readFileSync(path.join(folder, "tests", "test-cases.js"), "utf8"), context);
const plain = (suite) => context[suite].map((test, number) => ({
  name: suite.split("_")[0] + " " + number + ": " + test.description, input: test.input, config: test.config || {},
  functions: Object.keys(test.config || {}).filter((key) => typeof test.config[key] === "function"),
  data: test.expected.data, errors: (test.expected.errors || []).map((error) => error.row),
}));
console.log(JSON.stringify([...plain("CORE_PARSER_TESTS"), ...plain("PARSE_TESTS")]));
"""


def folder_of(package: str) -> Path:
    """Return the folder of the package's files. Skips the test if they cannot be fetched."""
    folder = FOLDER / "node_modules" / package
    manifest = folder / "package.json"
    if manifest.exists() and json.loads(manifest.read_text())["version"] == PACKAGES[package]:
        return folder
    if reason := _fetch():
        pytest.skip(f"the suite of {package} cannot be had: {reason}")
    return folder


@cache
def _fetch() -> str:
    """Fetch the package once per run. Returns why it failed, or ""."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
    command = [
        npm,
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--prefix",
        str(FOLDER),
        *wanted,
    ]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return "npm could not fetch it within 60 s"
    if answer.returncode:
        return (answer.stderr.strip().splitlines() or ["npm gives no reason"])[0]
    return ""


def papaparse_cases() -> list[dict[str, Any]]:
    folder = folder_of("papaparse")
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed, so PapaParse's cases cannot be read")
    answer = subprocess.run([node, "-e", EXTRACT, str(folder)], capture_output=True, text=True, check=True)
    return list(json.loads(answer.stdout))
