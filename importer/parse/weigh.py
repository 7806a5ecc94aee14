"""Weighs a Parquet file: decodes all of it once, in a process with a memory limit.

The size of a page or a dictionary is known only after decoding, when it is already in memory. So a separate process
(`python -m importer.parse.weigh`) decodes a file first: if its limit kills it, no worker dies. It measures the text of
every record and cuts ranges by it, so that later readers stay within memory.

It reads its orders as JSON from standard input and writes its answer as JSON to standard output.
"""

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from importer.budget import (
    RANGE_BYTES_PER_CHUNK_BYTE,
    Deadline,
    refuse_columns,
    refuse_ratio,
    refuse_size,
    too_large_to_decode,
)
from importer.conf import MEGABYTE, conf
from importer.exceptions import SourceRefused, first_line
from importer.parse.text_bytes import SEPARATOR, bytes_per_record
from importer.records import shown

# Damage may also make Polars panic; a panic is not a subclass of Exception.
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
SETTINGS = (
    "CHUNK_BYTES",
    "CHUNK_RECORDS",
    "DECODE_MAX_MB",
    "MAX_COLUMNS",
    "SPOOL_MAX_BYTES",
    "SPOOL_MAX_RATIO",
)
# One thread, because each needs its own buffers. No backtrace, because nobody reads it.
ENVIRONMENT = {"POLARS_MAX_THREADS": "1", "RUST_BACKTRACE": "0"}
FIRST_STEP = 1_000
GROWTH = 10
# A step decodes text of at most 1/STEP_PART of the memory. Smaller steps would skip the pages before them more often.
STEP_PART = 4


@dataclass(frozen=True, slots=True)
class Weighed:
    """A file's columns, and ranges of records (start, stop) whose text is within bounds."""

    columns: list[str]
    ranges: list[tuple[int, int]]


def weigh(path: str, descriptor: int, *, name: str, deadline: Deadline) -> Weighed:
    """Weigh a file in a separate process. `path` may refer to the open file `descriptor`. Raises SourceRefused."""
    alive, ours = os.pipe()
    orders = {
        "path": path,
        "name": name,
        "alive": alive,
        "importer": {key: getattr(conf, key) for key in SETTINGS},
    }
    process = _start(descriptor, alive)
    try:
        output, _ = process.communicate(json.dumps(orders).encode(), timeout=deadline.left)
    except subprocess.TimeoutExpired:
        raise deadline.passed() from None
    finally:
        process.kill()
        process.wait()
        os.close(alive)
        os.close(ours)
    if process.returncode < 0:
        raise too_large_to_decode(name)
    if process.returncode:
        raise SourceRefused(
            f'The source "{name}" cannot be decoded: `python -m importer.parse.weigh` ended with {process.returncode}.'
        )
    answer = json.loads(output)
    if "refused" in answer:
        raise SourceRefused(answer["refused"])
    return Weighed(answer["columns"], [(start, stop) for start, stop in answer["ranges"]])


def _start(*descriptors: int) -> "subprocess.Popen[bytes]":
    path = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return subprocess.Popen(
        [sys.executable, "-m", "importer.parse.weigh"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=descriptors,
        env=os.environ | ENVIRONMENT | {"PYTHONPATH": path},
        start_new_session=True,  # Ctrl-C must reach only the parent
    )


def unreadable(name: str, error: BaseException) -> SourceRefused:
    """Return the refusal of a file that Polars cannot read, with a helpful message where Polars' own is not."""
    if "memory" in str(error):
        return too_large_to_decode(name)
    if "maximum allowed pow" in str(error):
        return SourceRefused(
            f'The source "{name}" has more than {2**32 - 1:,} records; write it as several files.'
        )
    # A panic's message is for Polars' developers.
    reason = (
        "it is damaged; write it again"
        if isinstance(error, pl.exceptions.PanicException)
        else first_line(error)
    )
    return SourceRefused(f'The source "{name}" is not readable Parquet: {reason}.')


def main() -> None:
    orders = json.load(sys.stdin)
    conf.adopt(orders["importer"])
    _limit(resource.RLIMIT_DATA, conf.DECODE_MAX_MB * MEGABYTE)
    threading.Thread(target=_end_with, args=[orders["alive"]], daemon=True).start()
    _limit(resource.RLIMIT_CORE, 0)
    try:
        answer = _weighed(orders["path"], orders["name"])
    except SourceRefused as refusal:
        answer = {"refused": str(refusal)}
    json.dump(answer, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # to take the interpreter and Polars down properly would take a tenth of the process's time


def _end_with(alive: int) -> None:
    """Exit when the parent ends: its end of the pipe closes, even if it is killed."""
    os.read(alive, 1)
    os._exit(1)


def _limit(kind: int, most: int) -> None:
    """Set a resource limit, but never above the hard limit of this process."""
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _weighed(path: str, name: str) -> dict[str, Any]:
    packed = os.stat(path).st_size
    try:
        frame = pl.scan_parquet(path, glob=False)
        schema = frame.collect_schema()
        refuse_columns(name, len(schema))
        _refuse_names(name, schema.names())
        records = int(frame.select(pl.len()).collect().item())
        # By the file's header, before anything is decoded: it can claim a trillion records in a few bytes.
        refuse_size(name, records * len(schema) * SEPARATOR)
        refuse_ratio(name, records * len(schema) * SEPARATOR, packed=packed)
        cutter, total = _Cutter(conf.CHUNK_RECORDS, conf.CHUNK_BYTES * RANGE_BYTES_PER_CHUNK_BYTE), 0
        for sizes in _sizes(frame, schema, records):
            total += int(sizes.sum())
            refuse_size(name, total)
            refuse_ratio(name, total, packed=packed)
            cutter.add(sizes)
    except MemoryError:
        raise too_large_to_decode(name) from None
    except UNREADABLE as error:
        raise unreadable(name, error) from None
    return {"columns": schema.names(), "ranges": cutter.ranges()}


def _refuse_names(name: str, columns: list[str]) -> None:
    for column in columns:
        if "\0" in column:
            raise SourceRefused(
                f'The source "{name}" has a NUL in the column "{shown(column[:40])}"; rename it.'
            )


def _sizes(frame: pl.LazyFrame, schema: pl.Schema, records: int) -> Iterator[pl.Series]:
    """Yield the bytes of all records' text, in steps that adapt to the sizes."""
    step_bytes = conf.DECODE_MAX_MB * MEGABYTE // STEP_PART
    start, step = 0, FIRST_STEP
    while start < records:
        part = frame.slice(start, step).select(bytes_per_record(schema).alias("")).collect()
        if not part.height:
            raise OSError("it has fewer records than it says")
        yield part.to_series()
        start += part.height
        step = min(
            step * GROWTH,
            conf.CHUNK_RECORDS,
            1 + step_bytes * part.height // (1 + int(part.to_series().sum())),
        )


@dataclass(slots=True)
class _Cutter:
    """Cuts ranges of at most so many records and bytes of text; a larger record gets a range of its own."""

    most_records: int
    most_bytes: int
    start: int = 0
    records: int = 0
    bytes: int = 0
    done: list[tuple[int, int]] = field(default_factory=list)

    def add(self, sizes: pl.Series) -> None:
        sums, offset, before = sizes.cum_sum(), 0, 0
        while offset < len(sizes):
            fitting = sums.search_sorted(before + self.most_bytes - self.bytes, side="right") - offset
            number = min(self.most_records - self.records, fitting)
            if number <= 0 and self.records:
                self._end()
                continue
            offset += max(1, number)
            self.records += max(1, number)
            self.bytes, before = self.bytes + int(sums[offset - 1]) - before, int(sums[offset - 1])

    def ranges(self) -> list[tuple[int, int]]:
        if self.records:
            self._end()
        return self.done

    def _end(self) -> None:
        self.done.append((self.start, self.start + self.records))
        self.start, self.records, self.bytes = self.start + self.records, 0, 0


if __name__ == "__main__":
    main()
