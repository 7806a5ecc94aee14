"""Runs management commands one after the other in one process, because starting a process costs a second."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Reads commands line by line and answers with exit code, output and errors, each as manage.py would give them.
LOOP = """
import contextlib, io, json, sys
from django.core.management import execute_from_command_line
from django.db import connections
for line in sys.stdin:
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            execute_from_command_line(["manage.py", *json.loads(line)])
        except SystemExit as exit:
            code = exit.code
    connections.close_all()
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def figures(self) -> dict[str, Any]:
        """Return the last JSON object on standard output."""
        return dict(json.loads(self.out.splitlines()[-1]))


class Shell:
    """Starts its process with the first command, and another one if a test has killed that."""

    def __init__(self, python: str | Path, folder: Path, environment: Callable[[], dict[str, str]]) -> None:
        self.python, self.folder, self.environment = python, folder, environment
        self.process: subprocess.Popen[str] | None = None

    def __call__(self, *arguments: str) -> Answer:
        if self.process is None or self.process.poll() is not None:
            self.close()
            self.process = subprocess.Popen(
                [self.python, "-c", LOOP],
                env=self.environment(),
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(arguments) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"{arguments} ended with a traceback, which stands on standard error"
        return Answer(*json.loads(line))

    def output_of(self, *arguments: str) -> str:
        answer = self(*arguments)
        assert answer.code == 0, answer.err
        return answer.out

    def close(self) -> None:
        if self.process is not None:
            self.process.communicate(timeout=30)
            self.process = None
