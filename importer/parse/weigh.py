"""Weigh a Parquet file: decode all of it once, in a process that may have so much memory and no more.

What a page or a dictionary expands to is known only once it has been decoded, and by then it is in memory. So a
separate process (`python -m importer.parse.weigh`) decodes a file first: if its limit kills it, no worker dies. It
measures the text of every record and cuts ranges by it, so that later readers know what to expect.

Orders come as JSON on standard input, and the answer goes as JSON to standard output.
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

# Damage may also make Polars panic, which Python does not count among the ordinary exceptions.
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
SETTINGS = (
    "CHUNK_BYTES",
    "CHUNK_RECORDS",
    "DECODE_MAX_MB",
    "MAX_COLUMNS",
    "SPOOL_MAX_BYTES",
    "SPOOL_MAX_RATIO",
)
# One thread: each has buffers of its own. And no traces of its end, which nobody reads.
ENVIRONMENT = {"POLARS_MAX_THREADS": "1", "RUST_BACKTRACE": "0"}
FIRST_STEP = 1_000
GROWTH = 10
# Text that is decoded at once, as a part of the memory: each step passes over the pages before it.
STEP_PART = 4


@dataclass(frozen=True, slots=True)
class Weighed:
    """A file's columns, and ranges of records whose text is of a moderate size."""

    columns: list[str]
    ranges: list[tuple[int, int]]


def weigh(path: str, descriptor: int, *, name: str, deadline: Deadline) -> Weighed:
    """`path` is read through the open file `descriptor` where it names it. Raises SourceRefused."""
    alive, ours = os.pipe()
    orders = {
        "path": path,
        "name": name,
        "alive": alive,
        "importer": {key: getattr(conf, key) for key in SETTINGS},
    }
    process = _start(descriptor, alive)
    try:
        said, _ = process.communicate(json.dumps(orders).encode(), timeout=deadline.left)
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
    answer = json.loads(said)
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
        start_new_session=True,  # Ctrl-C is for whoever started us
    )


def unreadable(name: str, error: BaseException) -> SourceRefused:
    """In our words, where Polars has some that help nobody here."""
    if "memory" in str(error):
        return too_large_to_decode(name)
    if "maximum allowed pow" in str(error):
        return SourceRefused(
            f'The source "{name}" has more than {2**32 - 1:,} records; write it as several files.'
        )
    # A panic's words are for whoever wrote Polars.
    reason = (
        "it is damaged, write it again"
        if isinstance(error, pl.exceptions.PanicException)
        else first_line(error)
    )
    return SourceRefused(f'The source "{name}" is not readable Parquet: {reason}.')


def main() -> None:
    told = json.load(sys.stdin)
    conf.adopt(told["importer"])
    _limit(resource.RLIMIT_DATA, conf.DECODE_MAX_MB * MEGABYTE)
    threading.Thread(target=_end_with, args=[told["alive"]], daemon=True).start()
    _limit(resource.RLIMIT_CORE, 0)
    try:
        answer = _weighed(told["path"], told["name"])
    except SourceRefused as refusal:
        answer = {"refused": str(refusal)}
    json.dump(answer, sys.stdout)


def _end_with(alive: int) -> None:
    """End when whoever started us has: its end of the pipe closes, however it was killed."""
    os.read(alive, 1)
    os._exit(1)


def _limit(kind: int, most: int) -> None:
    """Never above the limit that this process was born with."""
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _weighed(path: str, name: str) -> dict[str, Any]:
    packed = os.stat(path).st_size
    try:
        frame = pl.scan_parquet(path, glob=False)
        schema = frame.collect_schema()
        refuse_columns(name, len(schema))
        records = int(frame.select(pl.len()).collect().item())
        # By the file's own word, before anything is decoded: a million million records are a few bytes of it.
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


def _sizes(frame: pl.LazyFrame, schema: pl.Schema, records: int) -> Iterator[pl.Series]:
    """The bytes of all records' text, in steps that grow or shrink with what was found."""
    wanted = conf.DECODE_MAX_MB * MEGABYTE // STEP_PART
    start, step = 0, FIRST_STEP
    while start < records:
        part = frame.slice(start, step).select(bytes_per_record(schema).alias("")).collect()
        if not part.height:
            raise OSError("it has fewer records than it says")
        yield part.to_series()
        start += part.height
        step = min(
            step * GROWTH, conf.CHUNK_RECORDS, 1 + wanted * part.height // (1 + int(part.to_series().sum()))
        )


@dataclass(slots=True)
class _Cutter:
    """Cuts ranges of so many records and bytes of text at most; a larger record has one of its own."""

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
            taken = min(self.most_records - self.records, fitting)
            if taken <= 0 and self.records:
                self._end()
                continue
            offset += max(1, taken)
            self.records += max(1, taken)
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
