"""Limits what a source may cost, whatever its own headers claim. Readers have no other limits.

bytes      SPOOL_MAX_BYTES, SPOOL_MAX_RATIO (unpacked), MAX_RECORD_BYTES, BATCH_MAX_BYTES
files      MAX_PARTS
columns    MAX_COLUMNS, and with the records of a batch BATCH_MAX_CELLS
values     MAX_RECORD_VALUES
memory     DECODE_MAX_MB, and the constants below: memory that unpacking takes before its first byte
time       PREPARE_MAX_SECONDS
"""

import time
from collections.abc import Collection, Sequence

from importer.conf import MEGABYTE, conf
from importer.exceptions import SourceRefused

# Ratios say nothing about small files: a few zeros compress a thousandfold.
RATIO_COUNTS_FROM = 64 * MEGABYTE
# A zip's directory is read whole. This is room for 50,000 entries; one is expected.
ZIP_DIRECTORY_BYTES = 4 * MEGABYTE
# 7-Zip's strongest setting needs this. It is allocated at once, as the archive's header says.
LZMA_DICTIONARY_BYTES = 64 * MEGABYTE
# `zstd --ultra -22` needs this. The command `zstd` itself refuses more.
ZSTD_WINDOW_BYTES = 128 * MEGABYTE
# A table's keys are stored in the ledger, and many are in memory at once. A PostgreSQL index allows 2,700 bytes.
KEY_BYTES = 4_000
# A larger SQLite row is read value by value; a query with a larger row is refused.
QUERY_ROW_BYTES = 256 * MEGABYTE
# Characters of all column names together: as many as MySQL's widest table may have.
HEADER_CHARACTERS = 256_000
# Characters of the names times the records of a batch: each rejected record repeats all names.
BATCH_NAME_CHARACTERS = 32 * MEGABYTE
# Bytes of text in a range of Parquet, per byte of CHUNK_BYTES. A range is decoded whole and skips the pages before it.
RANGE_BYTES_PER_CHUNK_BYTE = 8


class Deadline:
    """The time by which a source must be fetched, unpacked and planned (`PREPARE_MAX_SECONDS` from now)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seconds = float(conf.PREPARE_MAX_SECONDS)
        self._at = time.monotonic() + self.seconds

    @property
    def left(self) -> float:
        return max(0.0, self._at - time.monotonic())

    def check(self) -> None:
        """Raise SourceRefused after the deadline."""
        if time.monotonic() > self._at:
            raise self.passed()

    def passed(self) -> SourceRefused:
        return SourceRefused(
            f'The source "{self.name}" was not fetched, unpacked and planned within {self.seconds:,.0f} s; '
            f'raise IMPORTER["PREPARE_MAX_SECONDS"] if that is right.'
        )


def refuse_parts(number: int) -> None:
    """Raise SourceRefused for more files than one job may read."""
    if number > conf.MAX_PARTS:
        raise SourceRefused(
            f"{number:,} files are more than the {conf.MAX_PARTS:,} that one job may read; make several jobs, "
            f'or raise IMPORTER["MAX_PARTS"].'
        )


def refuse_columns(name: str, number: int) -> None:
    """Raise SourceRefused for more columns than a source may have."""
    if number > conf.MAX_COLUMNS:
        raise SourceRefused(
            f'The source "{name}" has {number:,} columns, more than the {conf.MAX_COLUMNS:,} allowed; '
            f'raise IMPORTER["MAX_COLUMNS"] if that is right.'
        )


def refuse_header(name: str, columns: Sequence[str]) -> None:
    """Raise SourceRefused if the column names are longer than any table's: each rejected record repeats them."""
    characters = sum(map(len, columns))
    if characters > HEADER_CHARACTERS:
        raise SourceRefused(
            f'The column names of the source "{name}" have {characters:,} characters together, more than the '
            f"{HEADER_CHARACTERS:,} allowed; use shorter names."
        )


def refuse_size(name: str, size: int) -> None:
    """Raise SourceRefused if a source unpacks to more bytes than allowed."""
    if size > conf.SPOOL_MAX_BYTES:
        raise SourceRefused(
            f'The source "{name}" unpacks to more than {conf.SPOOL_MAX_BYTES:,} bytes; '
            f'raise IMPORTER["SPOOL_MAX_BYTES"] if that is right.'
        )


def refuse_ratio(name: str, size: int, *, packed: int) -> None:
    """Raise SourceRefused if a source unpacks to too many times its packed size."""
    if size > RATIO_COUNTS_FROM and size > packed * conf.SPOOL_MAX_RATIO:
        raise SourceRefused(
            f'The source "{name}" unpacks to more than {conf.SPOOL_MAX_RATIO} times its size, as archive bombs do; '
            f'raise IMPORTER["SPOOL_MAX_RATIO"] if that is right.'
        )


def refuse_memory(name: str, what: str, size: int, most: int) -> None:
    """Raise SourceRefused if an archive needs more memory than any legitimate one does."""
    if size > most:
        raise SourceRefused(
            f'The archive "{name}" has {what} of {size:,} bytes, more than the {most:,} allowed; '
            f"compress the file again, alone, with gzip."
        )


def too_large_to_decode(name: str) -> SourceRefused:
    return SourceRefused(
        f'Decoding the source "{name}" needs more than {conf.DECODE_MAX_MB:,} MB, as archive bombs do; '
        f'write it with smaller row groups, or raise IMPORTER["DECODE_MAX_MB"] if that is right.'
    )


def too_many_values(number: int) -> str:
    """Return the message for a record with too many values."""
    return (
        f"The record has {number:,} values, more than the {conf.MAX_RECORD_VALUES:,} allowed "
        f'(IMPORTER["MAX_RECORD_VALUES"]).'
    )


def too_many_keys(number: int) -> str:
    """Return the message for a record with too many keys."""
    return f'The record has {number:,} keys, more than the {conf.MAX_COLUMNS:,} allowed (IMPORTER["MAX_COLUMNS"]).'


def keys_too_long(characters: int) -> str:
    """Return the message for a record whose keys are too long."""
    return f"The record's keys have {characters:,} characters, more than the {HEADER_CHARACTERS:,} allowed."


def too_long(size: int) -> str:
    """Return the message for a record with too many bytes."""
    return f"The record has {size:,} bytes, more than the {conf.MAX_RECORD_BYTES:,} allowed."


def records_within(columns: Collection[str], limit: int) -> int:
    """Return how many records with these columns may be in memory at once: `limit` or fewer, at least 1."""
    cells = conf.BATCH_MAX_CELLS // max(1, len(columns))
    return max(1, min(limit, cells, BATCH_NAME_CHARACTERS // max(1, sum(map(len, columns)))))
