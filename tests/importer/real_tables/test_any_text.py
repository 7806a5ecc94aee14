"""Any text for any field over any real type, written in any way, is stored and refused as by `save()`."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.importer.real_tables.legacy import legacy
from tests.importer.real_tables.types import BRIDGED, TYPES, code, numbered, without_ids

pytestmark = pytest.mark.django_db(transaction=True)
FIELD_TEXTS = [text for _, _, texts in BRIDGED.values() for text in texts]
ODD_TEXTS = [
    "",
    " ",
    "0",
    "-0",
    "1_000",
    "٣",
    "NaN",
    "infinity",
    "null",
    "'",
    '"',
    "\\N",
    "{}",
    "t",
    "12:00",
    "€",
]
TEXTS = st.sampled_from(FIELD_TEXTS + ODD_TEXTS) | st.text(
    st.characters(blacklist_categories=("Cs", "Cc")), max_size=8
)


@given(
    kind=st.sampled_from(sorted(BRIDGED)),
    way=st.sampled_from(["reject", "skip", "update"]),
    texts=st.lists(TEXTS, min_size=2, max_size=12),
    repeated=st.integers(0, 3),
)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_it_is_stored_as_save_stores_it(
    folder: Path, kind: str, way: str, texts: list[str], repeated: int
) -> None:
    real, field, _ = BRIDGED[kind]
    sql = f"{TYPES} CREATE TABLE legacy (id serial PRIMARY KEY, code varchar(20) UNIQUE, v {real})"
    records: list[dict[str, Any]] = [*numbered("v", *texts), *numbered("v", *reversed(texts[:repeated]))]
    with legacy(sql, key=("code",), code=code(), v=field) as table:
        by_hand = table.by_hand(records, on_conflict=way)
        table.make_anew()

        imported = table.by_import(records, folder, on_conflict=way)

    assert without_ids(imported.rows) == without_ids(by_hand.rows)
    assert imported.rejected.keys() == by_hand.rejected.keys()
