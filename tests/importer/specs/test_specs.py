"""Declarations of specs mean what they say."""

import pytest

from importer import Column, Lookup


@pytest.mark.parametrize("kind", [Column, Lookup])
def test_one_null_value_is_one_value_and_not_its_letters(kind: type[Column] | type[Lookup]) -> None:
    """`null_values="NA"` meant "N" and "A"."""
    assert kind("x", null_values="NA").null_values == {"NA"}
