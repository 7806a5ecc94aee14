"""Reads the records of a sample with the importer's own readers."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from importer.parse.reader import Reader
from importer.records import Position
from importer.sources.spool.folder import spool_folder

MOST_RECORDS = 10_000
# Of more lines, the first ones are read, and some from blocks behind them.
BLOCKS, BLOCK_LINES = 4, 400


@contextmanager
def temporary(data: bytes) -> Iterator[Path]:
    descriptor, path = tempfile.mkstemp(dir=spool_folder())
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        yield Path(path)
    finally:
        os.unlink(path)


def read_records(reader: Reader) -> tuple[list[str], pl.DataFrame, int]:
    """Return the columns, up to 10,000 records, and the number of those that do not fit."""
    frames, number, faulty = [], 0, 0
    try:
        columns = reader.columns()
        for part in reader.ranges():
            position = Position(part.start_offset, part.first_line)
            while position.offset < part.end_offset and number < MOST_RECORDS:
                batch = reader.read(position, part, limit=MOST_RECORDS - number)
                frames.append(batch.texts)
                number += batch.size
                faulty += len(batch.rejections)
                position = batch.end
            if number >= MOST_RECORDS:
                break
    finally:
        reader.close()
    frames = [frame.select(pl.all().cast(pl.String)) for frame in frames if frame.height]
    texts = (
        pl.concat(frames, how="diagonal")
        if frames
        else pl.DataFrame({name: [] for name in columns}, dict.fromkeys(columns, pl.String))
    )
    return columns, texts, faulty


def spread_lines(lines: Sequence[str], stretches: Sequence[Sequence[str]]) -> list[str]:
    """Return the first lines, and some from everywhere behind them, so that later records count as well."""
    if len(lines) <= MOST_RECORDS and not stretches:
        return list(lines)
    first = MOST_RECORDS * 6 // 10
    rest = lines[first:]
    step = max(1, len(rest) // BLOCKS)
    blocks = (
        [rest[start : start + BLOCK_LINES] for start in range(0, len(rest), step)][:BLOCKS] if rest else []
    )
    blocks += [stretch[:BLOCK_LINES] for stretch in stretches]
    return [*lines[:first], *(line for block in blocks for line in block)]
