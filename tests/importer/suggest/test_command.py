"""`manage.py suggest_import` writes a spec that runs, with its reasons, and shows its doubts."""

import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from importer import run_import
from importer.jobs import create_job
from importer.models import ImportMapping
from importer.specs.registry import temporarily
from tests.importer.samples.domains.models import Customer
from tests.importer.suggest import files
from tests.importer.suggest.specs import spec_in

pytestmark = pytest.mark.django_db(transaction=True)


def suggested(*arguments: Any, **options: Any) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("suggest_import", *map(str, arguments), stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def test_the_suggested_spec_imports_its_file(folder: Path) -> None:
    path = files.customers_de(folder)
    text, _ = suggested(path, model="domains.Customer")
    spec = spec_in(text)

    with temporarily(spec):
        job = create_job(spec.options.name, str(path), encoding="cp1252")
        result = run_import(job, executor="inline")

    assert (result.read, result.inserted, result.rejected) == (files.RECORDS, files.RECORDS, 0)
    first = Customer.objects.order_by("number").first()
    assert first is not None
    assert first.number == "K10000"
    assert first.revenue is not None
    assert Customer.objects.filter(newsletter=True).count() > 10


@pytest.mark.parametrize(
    ("write", "model"),
    [
        (files.customers_de, "domains.Customer"),
        (files.contacts_fr, "domains.Customer"),
        (files.invoices_us, "domains.Invoice"),
        (files.products, "domains.Product"),
        (files.employees, "domains.Employee"),
        (files.readings, "domains.Reading"),
        (files.tickets_uk, "domains.Ticket"),
    ],
)
def test_the_spec_is_formatted_as_ruff_would(folder: Path, write: files.Writer, model: str) -> None:
    text, _ = suggested(write(folder), model=model)

    check = [sys.executable, "-m", "ruff"]
    formatted = subprocess.run(
        [*check, "format", "--isolated", "--line-length", "120", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert text == formatted
    faults = subprocess.run(
        [*check, "check", "--isolated", "--line-length", "120", "--select", "E,F,W", "-"],
        input=text, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert faults.returncode == 0, faults.stdout


def test_each_line_has_its_reason(folder: Path) -> None:
    text, _ = suggested(files.customers_de(folder), model="domains.Customer")

    lines = text.splitlines()
    declared = [n for n, line in enumerate(lines) if " = Column(" in line and "#" not in line.split("=")[0]]
    assert len(declared) == 12
    assert all("  # " in lines[n] or lines[n - 1].startswith("    # ") for n in declared)
    assert 'postal_code = Column("PLZ")  # means "postal_code"; all 120 values fit' in text


def test_a_doubt_stands_in_the_spec_and_on_the_terminal(folder: Path) -> None:
    path = folder / "stocks.csv"
    path.write_text("symbol;date;price\n" + "".join(f"A;0{n}/02/2020;{n}.5\n" for n in range(1, 10)))

    text, told = suggested(path, model="domains.Quote")

    assert "# DOUBT: no value proves the order; “01/02/2020” is read as day, month, year." in text
    assert 'date = Column("date", formats=("%d/%m/%Y",))' in text
    assert '# date = Column("date", formats=("%m/%d/%Y",))  # month, day, year' in text
    assert "no value proves the order" in told


def test_output_goes_to_a_file_that_did_not_exist(folder: Path) -> None:
    path, output = files.readings(folder), folder / "imports.py"

    text, _ = suggested(path, model="domains.Reading", output=str(output))

    assert text == ""
    assert "class ReadingImport(ModelImport):" in output.read_text()
    with pytest.raises(CommandError, match="cannot be written"):
        suggested(path, model="domains.Reading", output=str(output))


def test_a_name_keeps_the_mapping(folder: Path) -> None:
    _, told = suggested(files.customers_de(folder), model="domains.Customer", name="Customers of ERP")

    mapping = ImportMapping.objects.get()
    assert mapping.name == "Customers of ERP"
    assert f"create_import mapping:{mapping.pk}" in told


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("missing.csv", "domains.Customer"), "There is no file"),
        (("file.csv", "domains.Custmer"), 'did you mean "domains.Customer"'),
        (("file.csv", "nonsense"), "There is no model"),
        (("empty.csv", "domains.Customer"), "is empty"),
        (("/etc/passwd", "domains.Customer"), "outside the folders"),
        (("db:default/crm_company", "domains.Customer"), "is a table"),
        (("picture.png", "domains.Customer"), "does not tell the format"),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_2(folder: Path, arguments: tuple[str, str], reason: str) -> None:
    (folder / "file.csv").write_text("a,b\n1,2\n")
    (folder / "empty.csv").write_text("")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    source, model = arguments
    name = source if source.startswith(("/", "db:")) else str(folder / source)

    with pytest.raises(CommandError, match=reason) as refused:
        suggested(name, model=model)

    assert refused.value.returncode == 2
    assert "\n" not in str(refused.value)
