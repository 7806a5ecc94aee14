"""A stored mapping can be shown as Python that does the same."""

import subprocess
import sys
from pathlib import Path

import pytest

from importer.specs.stored import spec_of
from importer.suggest import mapping as mappings
from importer.suggest.python.stored import mapping_as_python
from importer.suggest.suggestion import suggest
from tests.importer.samples.domains.models import Customer
from tests.importer.suggest import files
from tests.importer.suggest.specs import OPTIONS, kept, spec_in

pytestmark = pytest.mark.django_db


def test_the_spec_in_python_declares_what_the_mapping_declares() -> None:
    mapping = kept()

    stored, shown = spec_of(mapping), spec_in(mapping_as_python(mapping))

    assert list(shown.declared) == list(stored.declared)
    for name, declared in stored.declared.items():
        same = {key: value for key, value in vars(declared).items() if key not in ("transforms", "default")}
        assert {key: value for key, value in vars(shown.declared[name]).items() if key in same} == same
        assert len(shown.declared[name].transforms) == len(declared.transforms)
    assert shown.constants["first_name"].value == OPTIONS["constants"]["first_name"]
    for option in ("key", "on_conflict", "null_values", "dialect", "fields"):
        assert getattr(shown.options, option) == getattr(stored.options, option)


@pytest.mark.parametrize("name", ["Plain", 'He said """no"""', "a\nb\\", "x" * 200])
def test_it_is_formatted_as_ruff_would_whatever_the_mapping_is_called(folder: Path, name: str) -> None:
    mapping = mappings.keep_suggestion(name, suggest(str(files.contacts_fr(folder)), Customer))

    text = mapping_as_python(mapping)

    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "120", "-"]
    assert text == subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    assert spec_in(text).options.model is Customer
