"""Reads the sample of files that say themselves how they are written: JSON and Parquet."""

from pathlib import Path

from importer.budget import Deadline
from importer.exceptions import SourceRefused
from importer.parse.jsonlines import JsonLinesReader
from importer.parse.parquet import ParquetReader
from importer.sources.spool.json_text import AsLines, Layout, layout_of
from importer.suggest.file.delimited import decoded
from importer.suggest.file.encoding import guess_encoding
from importer.suggest.file.file_guess import Asked, FileGuess, Format
from importer.suggest.file.reading import read_records, temporary
from importer.suggest.file.sample import Sample
from importer.suggest.guess import Guess


def is_json(sample: Sample) -> bool:
    """Tell whether a text file holds objects of JSON, whatever its name."""
    head = sample.head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith((b'{"', b'[{"')) and layout_of(head) is not None and head[:2000].count(b'":') > 0


def read_json(sample: Sample, name: str, file_format: Guess[str], asked: Asked) -> FileGuess:
    if file_format.value != Format.JSONL:
        file_format = Guess(str(Format.JSONL), "sure", "it holds objects of JSON, whatever its name")
    encoding = guess_encoding(sample, asked.encoding)
    data = decoded(sample.head, encoding.value, name).encode("utf-8", "replace")
    layout = layout_of(data)
    if layout is Layout.LINES:
        data = data if sample.is_whole else data[: data.rfind(b"\n") + 1]
    else:
        lines = list(AsLines(layout).lines([data]))
        whole = b"".join(lines)
        data = whole if sample.is_whole else whole[: whole.rstrip(b"\n").rfind(b"\n") + 1]
    if not data.strip():
        raise SourceRefused(f'The source "{name}" has no record of JSON in its first megabyte.')
    with temporary(data) as path:
        columns, texts, faulty = read_records(JsonLinesReader(path, name=name, encoding="utf-8"))
    records = texts.height + faulty
    if not sample.is_whole:
        records = int((sample.size or 0) / (len(sample.head) / max(1, records))) if sample.size else 0
    texts = texts.select(name for name in columns if name in texts.columns)
    return FileGuess(
        name, file_format, {"encoding": encoding}, tuple(columns), texts, records or None, faulty
    )


def read_parquet(path: Path, name: str, file_format: Guess[str], deadline: Deadline) -> FileGuess:
    reader = ParquetReader(path, deadline=deadline, name=name)
    ends = [part.end_offset for part in reader.ranges()]
    columns, texts, faulty = read_records(reader)
    return FileGuess(name, file_format, {}, tuple(columns), texts, max(ends, default=0), faulty)
