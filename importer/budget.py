"""What a source may cost, whatever it says of itself. Readers ask here and have no limits of their own.

bytes      SPOOL_MAX_BYTES, SPOOL_MAX_RATIO (unpacked), MAX_RECORD_BYTES, BATCH_MAX_BYTES
columns    MAX_COLUMNS, and with the records of a batch BATCH_MAX_CELLS
values     MAX_RECORD_VALUES
memory     DECODE_MAX_MB, and below the memory that unpacking takes before it gives the first byte
time       PREPARE_MAX_SECONDS
"""

import time
from collections.abc import Collection, Sequence

from importer.conf import MEGABYTE, conf
from importer.exceptions import SourceRefused

# Ratios mean nothing on small files: a few zeros compress a thousandfold.
RATIO_COUNTS_FROM = 64 * MEGABYTE
# A zip's directory is read whole: room for 50,000 entries, where one is wanted.
ZIP_DIRECTORY_BYTES = 4 * MEGABYTE
# What 7-Zip's strongest setting takes. Allocated at once, by the word of the archive.
LZMA_DICTIONARY_BYTES = 64 * MEGABYTE
# What `zstd --ultra -22` takes, and more than which its own command refuses too.
ZSTD_WINDOW_BYTES = 128 * MEGABYTE
# A table's keys are kept in the ledger, and many are held at once. An index of PostgreSQL takes 2,700.
KEY_BYTES = 4_000
# What a row of SQLite may take, before it is read value by value; a query with a larger one is refused.
QUERY_ROW_BYTES = 256 * MEGABYTE
# Names of columns, all together: as many as MySQL's widest table may have.
HEADER_CHARACTERS = 256_000
# Names times records of a batch: each rejected one has them all.
BATCH_NAME_CHARACTERS = 32 * MEGABYTE
# A range of Parquet is decoded whole, and the pages before it are passed over each time: text per CHUNK_BYTES.
RANGE_BYTES_PER_CHUNK_BYTE = 8


class Deadline:
    """When a source must be fetched, unpacked and planned."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seconds = float(conf.PREPARE_MAX_SECONDS)
        self._at = time.monotonic() + self.seconds

    @property
    def left(self) -> float:
        return max(0.0, self._at - time.monotonic())

    def check(self) -> None:
        """Raise SourceRefused past it."""
        if time.monotonic() > self._at:
            raise self.passed()

    def passed(self) -> SourceRefused:
        return SourceRefused(
            f'The source "{self.name}" was not fetched, unpacked and planned within {self.seconds:,.0f} s; '
            f'raise IMPORTER["PREPARE_MAX_SECONDS"] if that is right.'
        )


def refuse_columns(name: str, number: int) -> None:
    """Raise SourceRefused for more columns than a source may have."""
    if number > conf.MAX_COLUMNS:
        raise SourceRefused(
            f'The source "{name}" has {number:,} columns, more than the {conf.MAX_COLUMNS:,} allowed; '
            f'raise IMPORTER["MAX_COLUMNS"] if that is right.'
        )


def refuse_header(name: str, columns: Sequence[str]) -> None:
    """Raise SourceRefused for names of columns that are longer than any table's: each rejected record repeats them."""
    characters = sum(map(len, columns))
    if characters > HEADER_CHARACTERS:
        raise SourceRefused(
            f'The source "{name}" has names of columns with {characters:,} characters together, more than the '
            f"{HEADER_CHARACTERS:,} allowed; give them shorter names."
        )


def refuse_size(name: str, size: int) -> None:
    """Raise SourceRefused for more bytes than a source may unpack to."""
    if size > conf.SPOOL_MAX_BYTES:
        raise SourceRefused(
            f'The source "{name}" unpacks to more than {conf.SPOOL_MAX_BYTES:,} bytes; '
            f'raise IMPORTER["SPOOL_MAX_BYTES"] if that is right.'
        )


def refuse_ratio(name: str, size: int, *, packed: int) -> None:
    """Raise SourceRefused for a source that grows beyond measure."""
    if size > RATIO_COUNTS_FROM and size > packed * conf.SPOOL_MAX_RATIO:
        raise SourceRefused(
            f'The source "{name}" grows more than {conf.SPOOL_MAX_RATIO}-fold when unpacked, as archive bombs do; '
            f'raise IMPORTER["SPOOL_MAX_RATIO"] if that is right.'
        )


def refuse_memory(name: str, what: str, size: int, most: int) -> None:
    """Raise SourceRefused where an archive wants more memory than any sensible one does."""
    if size > most:
        raise SourceRefused(
            f'The archive "{name}" has {what} of {size:,} bytes, more than the {most:,} allowed; '
            f"pack the file again, alone, with gzip."
        )


def too_large_to_decode(name: str) -> SourceRefused:
    return SourceRefused(
        f'The source "{name}" needs more than {conf.DECODE_MAX_MB:,} MB to be decoded, as archive bombs do; '
        f'write it with smaller row groups, or raise IMPORTER["DECODE_MAX_MB"] if that is right.'
    )


def too_many_values(number: int) -> str:
    """Why a record is rejected that has more values than it may."""
    return (
        f"The record has {number:,} values, more than the {conf.MAX_RECORD_VALUES:,} allowed "
        f'(IMPORTER["MAX_RECORD_VALUES"]).'
    )


def too_many_keys(number: int) -> str:
    """Why a record is rejected that has more keys than it may."""
    return f'The record has {number:,} keys, more than the {conf.MAX_COLUMNS:,} allowed (IMPORTER["MAX_COLUMNS"]).'


def keys_too_long(characters: int) -> str:
    """Why a record is rejected whose keys are too long."""
    return f"The record has keys with {characters:,} characters, more than the {HEADER_CHARACTERS:,} allowed."


def too_long(size: int) -> str:
    """Why a record is rejected that has more bytes than it may."""
    return f"The record is longer than {conf.MAX_RECORD_BYTES:,} bytes (it has {size:,})."


def records_within(columns: Collection[str], limit: int) -> int:
    """How many records with these columns may be in memory at once: `limit`, or fewer."""
    cells = conf.BATCH_MAX_CELLS // max(1, len(columns))
    return max(1, min(limit, cells, BATCH_NAME_CHARACTERS // max(1, sum(map(len, columns)))))
