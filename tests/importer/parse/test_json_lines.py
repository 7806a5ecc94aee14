"""Lines decoded together are the records that each line is by itself."""

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
    assert len(alone) == 100


def test_a_comma_behind_an_object_is_named(tmp_path: Path) -> None:
    path = tmp_path / "source.jsonl"
    path.write_text('{"a": "x"},\n{"a": "y"}\n')

    row, _, rejection, _ = read(JsonLinesReader(path, encoding="utf-8", columns=["a"]), 10)

    assert row == {"a": "y"}
    assert rejection.errors[0].message == (
        "Invalid JSON: Extra data at character 11. Remove the comma at the end."
    )
