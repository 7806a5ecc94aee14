"""JSON of any layout becomes JSON lines, whatever its values hold and wherever blocks end."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from importer.rejects.report import make_report
from importer.sources.spool.json_text import AsLines, Layout, layout_of
from tests.importer.conftest import Importing
from tests.importer.samples.crm.models import Company, Everything

many = hypothesis_settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
texts = st.text(st.sampled_from('ab"\\{}[],:\n\r\té\u2028 '), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.lists(st.dictionaries(texts, values, max_size=4), max_size=6)


def lines_of(text: str, layout: Layout, block: int) -> list[str]:
    data = text.encode()
    blocks = [data[start : start + block] for start in range(0, len(data), block)]
    out = b"".join(AsLines(layout).lines(blocks)).decode()
    return [line for line in out.split("\n") if line]


@many
@given(
    rows=objects,
    indent=st.sampled_from([None, 0, 1, 4]),
    ascii_only=st.booleans(),
    block=st.integers(1, 50),
    is_array=st.booleans(),
    gap=st.sampled_from(["", "\n", " ", "\r\n\r\n", ",\n"]),
)
def test_every_value_becomes_one_line(
    rows: list[Any], indent: int | None, ascii_only: bool, block: int, is_array: bool, gap: str
) -> None:
    if is_array:
        text, layout = json.dumps(rows, indent=indent, ensure_ascii=ascii_only), Layout.ARRAY
    else:
        text = gap.join(json.dumps(row, indent=indent, ensure_ascii=ascii_only) for row in rows)
        layout = Layout.VALUES

    lines = lines_of(text, layout, block)

    assert [json.loads(line) for line in lines] == rows


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ('{"a": 1}\n{"a": 2}\n', Layout.LINES), ('{"a": 1}', Layout.LINES), ('{"a": {"b": 1}}', Layout.LINES),
        ('{"a": 1\n{"a": 2}\n{"a": 3}', Layout.LINES), ("", Layout.LINES), ("a,b\n1,2\n", Layout.LINES),
        ('[{"a": 1}]', Layout.ARRAY), ("\ufeff\n [\n", Layout.ARRAY), ('{\n  "a": 1\n}\n', Layout.VALUES),
        ('{"a": 1}{"a": 2}', Layout.VALUES), ('{"a": 1},\n{"a": 2}', Layout.LINES), ("{\n bad \n}\n", Layout.LINES),
        ('{"a": "}{"}\n{"a": 2}\n', Layout.LINES), ('{"a": 1} {"a": 2}\n{"a": 3} {"a": 4}', Layout.VALUES),
        ('{"a":\n  {"b": 1}\n}{"a": 2}', Layout.VALUES), ('{"a": 1}{"b": 2,\n"c": 3}', Layout.VALUES),
        ('{"a": 1}\n{"a": 2,\n"b": 3}', Layout.VALUES), ('{"a": 1}\r\n{"a": 2\r\n{"a": 3}\r\n', Layout.LINES),
        ('{"a": 1}\n' * 99 + '{"a": 2,\n"b": 3}\n{"a": 1}\n', Layout.VALUES),
    ],
)  # fmt: skip
def test_the_layout_is_told_by_the_first_block(text: str, layout: Layout) -> None:
    assert layout_of(text.encode()) is layout


def test_nothing_between_values_gets_lost() -> None:
    text = '[{"a": 1}, 5, "x",null, [7], nonsense, {"a": "line\nbreak"}, {"a": 2}] tail, too'

    lines = lines_of(text, Layout.ARRAY, 7)

    assert [line.replace(" ", "") for line in lines] == [
        '{"a":1}', "5", '"x"', "null", "[7]", "nonsense", '{"a":"line\x01break"}', '{"a":2}', "tail,too",
    ]  # fmt: skip


ROWS = [{"code": f"C{number}", "name": f"Zoë {number}"} for number in range(200)]
LAYOUTS = {
    "array": json.dumps(ROWS),
    "pretty array": json.dumps(ROWS, indent=2),
    "sqlite": "[" + ",\n".join(json.dumps(row) for row in ROWS) + "]\n",
    "pretty": "\n".join(json.dumps(row, indent=4) for row in ROWS),
    "concatenated": "".join(map(json.dumps, ROWS)),
    "on one line": " ".join(map(json.dumps, ROWS)) + "\n",
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_json_of_any_layout_is_imported(importing: Importing, name: str, encoding: str) -> None:
    job, result = importing("companies", LAYOUTS[name].encode(encoding), name="source.json")

    assert (result.status, result.read, result.inserted) == ("completed", 200, 200), result
    assert sorted(Company.objects.values_list("code", "name")) == sorted((r["code"], r["name"]) for r in ROWS)
    assert "the line of a record is its number" in make_report(job).notes[0]


@pytest.mark.django_db(transaction=True)
def test_an_array_that_is_cut_off_is_said(importing: Importing) -> None:
    job, result = importing("companies", json.dumps(ROWS)[:-60], name="source.json")

    assert (result.inserted, result.rejected) == (198, 1)
    assert any("may be cut off" in note for note in make_report(job).notes)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("layout", "reason"),
    [("array", "a JSON array"), ("pretty", "several lines"), ("pretty array", "a JSON array")],
)
def test_json_lines_by_their_name_are_lines(importing: Importing, layout: str, reason: str) -> None:
    _, result = importing("companies", LAYOUTS[layout], name="source.jsonl")

    assert result.status == "failed"
    assert reason in result.reason
    assert ".json" in result.reason


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["source.jsonl", "source.json"])
def test_a_key_that_only_late_records_have_fills_its_field(importing: Importing, name: str) -> None:
    """Optional keys often appear late. A value or an inner key of that name is not one."""
    lines = [{"char": str(number), "text": "big", "other": {"big": 1}} for number in range(1_100)]
    lines.append({"char": "late", "integer": 7})

    _, result = importing("everything", "\n".join(map(json.dumps, lines)), name=name)

    assert result.inserted == 1_101, result
    assert Everything.objects.get(char="late").integer == 7
    assert Everything.objects.filter(big=None).count() == 1_101


@pytest.mark.django_db(transaction=True)
def test_a_key_of_no_record_leaves_the_default(importing: Importing) -> None:
    line = {"legacy_id": 1, "email": "a@example.com", "ROLE": "user", "JOIN_DT": None, "COMP_CD": None}

    job, result = importing("contacts", json.dumps(line | {"first_name": "balance"}), name="source.jsonl")

    assert result.inserted == 1, result
    assert "balance" not in job.columns


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("text", "reason"), [("[]", "has no objects"), ("[[1], [2]]", "hold other arrays")])
def test_an_array_without_objects_is_refused(importing: Importing, text: str, reason: str) -> None:
    _, result = importing("companies", text, name="source.json")

    assert result.status == "failed"
    assert reason in result.reason
