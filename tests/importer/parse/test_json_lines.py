"""Lines decoded together are the records that each line is by itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from importer.parse.jsonlines import JsonLinesReader
from importer.parse.reader import Range
from importer.records import Position

many = hypothesis_settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
LINES = [
    '{"a": "x", "b": 1.50}', '{"a": "x"}', '{"b": null, "a": true}', '{"c": "new"}', '{"a": "é\\n"}',
    '{"a": "\\u00e9"}',
    '{"a": "\\ud800"}', '{"a": {"b": 1}}', '{"a": [1, 2]}', '{"a": "{"}', "", "  ", "5", "null", '"text"',
    '{"a": 1}, {"b": 2}',
    '{"a": 1} {"b": 2}', '{"a": [{"b": 1}', '{"c": 1}]}', '{"a": 1', '{"a": 1e400}', '{"a": NaN}', '{"a": "x"},', "{}",
    '{"b": 0.10, "a": "x"}', '{ "a" :"x" ,\t"b":false}\r', '{"a": "1\\n2\\"3\\\\4\\/", "b": "null"}',
    '{"a": "\\uD83D\\uDE00"}', '{"a": "\\u0000\\u000a", "b": "\x7f"}', '{"a": 01, "b": -}',
    '{"a": "\ufffd", "b": -1.5E+3}', '{"a": "\\x"}', "\x0b",
    '{"a": 1, "a": 2}', '{"a\\u0000": 1}', '{"a": "tab\there"}', '{"a": -0}', '{"a": "x"}\r',
]  # fmt: skip


def read(reader: JsonLinesReader, limit: int) -> list[Any]:
    found: list[Any] = []
    whole, position = Range(0, reader.size, 1), Position(0, 1)
    while position.offset < reader.size:
        batch = reader.read(position, whole, limit=limit)
        found += [*batch.texts.rows(named=True), *batch.lines.to_list(), *batch.rejections, batch.end]
        position = batch.end
    return found


@many
@given(lines=st.lists(st.sampled_from(LINES), min_size=1, max_size=8), limit=st.sampled_from([1, 3, 1_000]))
@example(lines=['{"a": [{"b": 1}', '{"c": 1}]}', '{"a": 1}, {"b": 2}'], limit=1_000)
def test_together_and_one_by_one_they_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], limit: int
) -> None:
    path = tmp_path / "source.jsonl"
    path.write_bytes("\n".join(lines).encode())

    together = read(JsonLinesReader(path, encoding="utf-8", columns=["a", "b"]), limit)
    with monkeypatch.context() as patch:
        patch.setattr("importer.parse.jsonlines.GROUP", 1)
        by_ones = read(JsonLinesReader(path, encoding="utf-8", columns=["a", "b"]), limit)
        patch.setattr(JsonLinesReader, "_plain_records", lambda *_: None)
        patch.setattr("importer.parse.json_layouts.MOST_KEYS", 0)
        one_by_one = read(JsonLinesReader(path, encoding="utf-8", columns=["a", "b"]), limit)

    assert together == by_ones == one_by_one


def test_an_irregular_line_leaves_most_others_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "source.jsonl"
    path.write_text("".join('{"a": [1]}\n' if n == 950 else f'{{"a": "{n}"}}\n' for n in range(1_000)))
    alone: list[bytes] = []
    decode = JsonLinesReader._record

    def counted(self: JsonLinesReader, raw: bytes, line: int) -> Any:
        alone.append(raw)
        return decode(self, raw, line)

    monkeypatch.setattr(JsonLinesReader, "_record", counted)

    found = read(JsonLinesReader(path, encoding="utf-8", columns=["a"]), 10_000)

    assert [row["a"] for row in found[:1_000]] == [str(n) if n != 950 else "[1]" for n in range(1_000)]
    assert alone == [b'{"a": "0"}', b'{"a": [1]}\n']


JSON_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
JSON_VALUE = st.none() | st.booleans() | st.integers() | st.floats() | JSON_TEXT


@many
@given(
    keys=st.lists(JSON_TEXT, min_size=1, max_size=17, unique=True),
    rows=st.lists(st.lists(JSON_VALUE, min_size=17, max_size=17), min_size=1, max_size=4),
    is_ascii=st.booleans(),
)
def test_lines_of_one_layout_are_what_pythons_decoder_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: list[str], rows: list[Any], is_ascii: bool
) -> None:
    path = tmp_path / "source.jsonl"
    objects = [dict(zip(keys, row, strict=False)) for row in rows]
    path.write_text("\n".join(json.dumps(one, ensure_ascii=is_ascii) for one in objects))

    by_columns = read(JsonLinesReader(path, encoding="utf-8", columns=keys), 10)
    with monkeypatch.context() as patch:
        patch.setattr("importer.parse.json_layouts.MOST_KEYS", 0)
        decoded = read(JsonLinesReader(path, encoding="utf-8", columns=keys), 10)

    assert by_columns == decoded


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_byte_that_is_no_text_costs_its_line(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "source.jsonl"
    path.write_bytes(b"".join(b'{"a": "\x81"}\n' if n == 5 else b'{"a": "x"}\n' for n in range(20)))

    found = read(JsonLinesReader(path, encoding=encoding, columns=["a"]), 100)

    assert found[:19] == [{"a": "x"}] * 19
    assert [rejection.errors[0].code for rejection in found[38:-1]] == ["undecodable"]


def test_lines_of_several_layouts_stay_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "source.jsonl"
    layouts = ['{{"a": "{n}", "b": 1}}', '{{"b": 2, "a": "{n}"}}', '{{"a": "{n}"}}', '{{"a": [{n}]}}', ""]
    path.write_text("\n".join(layouts[n % 5].format(n=n) for n in range(100)))

    found = read(JsonLinesReader(path, encoding="utf-8", columns=["a", "b"]), 7)

    values = [row["a"].strip("[]") for row in found if isinstance(row, dict)]
    assert values == [str(n) for n in range(100) if n % 5 < 4]
    assert [line for line in found if isinstance(line, int)] == [n + 1 for n in range(100) if n % 5 < 4]


def test_a_comma_behind_an_object_is_named(tmp_path: Path) -> None:
    path = tmp_path / "source.jsonl"
    path.write_text('{"a": "x"},\n{"a": "y"}\n')

    row, _, rejection, _ = read(JsonLinesReader(path, encoding="utf-8", columns=["a"]), 10)

    assert row == {"a": "y"}
    assert rejection.errors[0].message == (
        "Invalid JSON: Extra data at character 11. Remove the comma at the end."
    )
