"""What is done with whole columns of a table's rows is what was done with each value."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from importer.budget import KEY_BYTES
from importer.parse.tables.keys import are_plain, is_usable
from importer.parse.tables.table import _texts
from importer.parse.typed import as_bytes, as_text

PARTS = (
    st.integers(), st.text(max_size=3), st.just("\0"), st.just("x" * (KEY_BYTES + 1)), st.binary(max_size=3),
    st.floats(), st.booleans(), st.just(Decimal("1.50")),
)  # fmt: skip
COLUMNS = st.lists(st.one_of(*PARTS), min_size=1, max_size=5) | st.one_of(
    *(st.lists(part, min_size=1, max_size=5) for part in PARTS)
)


@given(columns=st.lists(COLUMNS, min_size=1, max_size=2))
def test_plain_keys_are_usable_and_short(columns: list[list[Any]]) -> None:
    keys = list(zip(*columns, strict=False))

    if are_plain(keys):
        assert all(map(is_usable, keys))
        assert all(len(part) <= KEY_BYTES for key in keys for part in key if isinstance(part, str))


def test_keys_of_texts_and_integers_are_plain() -> None:
    assert are_plain([("a", 1), ("b", 2)])
    assert not are_plain([("a",), ("\0",)])
    assert not are_plain([(1,), (1.5,)])


@given(values=COLUMNS | st.lists(st.none() | st.text(max_size=2)) | st.lists(st.none() | st.integers()))
def test_a_column_is_written_as_its_values_are(values: list[Any]) -> None:
    for write in (as_text, as_bytes):
        assert list(_texts(values, write)) == [write(value) for value in values]
