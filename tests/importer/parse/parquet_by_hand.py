"""Writes Parquet files that no library writes: few bytes that encode, or claim, many values.

Uses Thrift's compact protocol and a part of the format: https://parquet.apache.org/docs/file-format/
"""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import zstandard

I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12
BYTE_ARRAY, UTF8 = 6, 0
PLAIN, RLE, RLE_DICTIONARY = 0, 3, 8
DATA_PAGE, DICTIONARY_PAGE = 0, 2
CODECS: dict[str, tuple[int, Any]] = {
    "": (0, bytes),
    "gzip": (2, lambda data: _gzipped(data)),
    "zstd": (6, zstandard.compress),
}


@dataclass(frozen=True)
class Column:
    """A column with `value` `repeats` times in each of `pages`: once in the dictionary, then as a run of its index.

    `plain`: written each time instead, and compressed with `codec`.
    """

    name: str
    value: bytes
    repeats: int
    pages: int = 1
    plain: bool = False
    codec: str = ""


def parquet_file(columns: list[Column], *, records: int | None = None) -> bytes:
    """Return a file of one row group with these columns. `records` is the number that it claims."""
    number = columns[0].repeats * columns[0].pages if records is None else records
    data, chunks = b"PAR1", []
    for column in columns:
        chunk, meta = _chunk(column, len(data))
        data += chunk
        chunks.append(meta)
    root = struct({4: (BINARY, b"root"), 5: (I32, len(columns))})
    leaves = [
        struct({1: (I32, BYTE_ARRAY), 3: (I32, 0), 4: (BINARY, column.name.encode()), 6: (I32, UTF8)})
        for column in columns
    ]
    group = struct({1: (LIST, (STRUCT, chunks)), 2: (I64, len(data)), 3: (I64, number)})
    footer = struct(
        {
            1: (I32, 1),
            2: (LIST, (STRUCT, [root, *leaves])),
            3: (I64, number),
            4: (LIST, (STRUCT, [group])),
        }
    )
    return data + footer + len(footer).to_bytes(4, "little") + b"PAR1"


@lru_cache(maxsize=1)  # many columns of a file are alike
def _packed(value: bytes, repeats: int, plain: bool, codec: str) -> tuple[bytes, bytes]:
    """Return the page of the dictionary, if there is one, and a page of values."""
    text = len(value).to_bytes(4, "little") + value
    dictionary = b"" if plain else _page(DICTIONARY_PAGE, text, 1, codec)
    run = b"\x01" + varint(repeats << 1) + b"\0"
    return dictionary, _page(DATA_PAGE, text * repeats if plain else run, repeats, codec)


def _chunk(column: Column, offset: int) -> tuple[bytes, bytes]:
    dictionary, page = _packed(column.value, column.repeats, column.plain, column.codec)
    pages = dictionary + page * column.pages
    meta = {
        1: (I32, BYTE_ARRAY),
        2: (LIST, (I32, [zigzag(PLAIN), zigzag(RLE), zigzag(RLE_DICTIONARY)])),
        3: (LIST, (BINARY, [varint(len(column.name)) + column.name.encode()])),
        4: (I32, CODECS[column.codec][0]),
        5: (I64, column.repeats * column.pages),
        6: (I64, len(pages)),
        7: (I64, len(pages)),
        9: (I64, offset + len(dictionary)),
    }
    if dictionary:
        meta[11] = (I64, offset)
    return pages, struct({2: (I64, offset), 3: (STRUCT, struct(meta))})


def _page(kind: int, content: bytes, values: int, codec: str) -> bytes:
    packed = CODECS[codec][1](content)
    head: dict[int, tuple[int, Any]] = {1: (I32, kind), 2: (I32, len(content)), 3: (I32, len(packed))}
    if kind == DATA_PAGE:
        encoding = PLAIN if content[:1] != b"\x01" else RLE_DICTIONARY
        head[5] = (
            STRUCT,
            struct({1: (I32, values), 2: (I32, encoding), 3: (I32, RLE), 4: (I32, RLE)}),
        )
    else:
        head[7] = (STRUCT, struct({1: (I32, values), 2: (I32, PLAIN)}))
    return struct(head) + packed


def _gzipped(data: bytes) -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(data) + packer.flush()


def struct(fields: dict[int, tuple[int, Any]]) -> bytes:
    data, last = b"", 0
    for number, (kind, value) in fields.items():
        data += bytes([(number - last) << 4 | kind])
        last = number
        if kind in (I32, I64):
            data += zigzag(value)
        elif kind == BINARY:
            data += varint(len(value)) + value
        elif kind == LIST:
            data += _list(*value)
        else:
            data += value
    return data + b"\0"


def _list(kind: int, items: list[bytes]) -> bytes:
    size = len(items)
    head = bytes([size << 4 | kind]) if size < 15 else bytes([0xF0 | kind]) + varint(size)
    return head + b"".join(items)


def varint(number: int) -> bytes:
    data = b""
    while number >= 0x80:
        data += bytes([number & 0x7F | 0x80])
        number >>= 7
    return data + bytes([number])


def zigzag(number: int) -> bytes:
    return varint(number << 1 ^ number >> 63)
