"""Sheets of xlsx and ods: which one is read, its header, its rows and their numbers."""

import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.management import CommandError, call_command

from importer import run_import
from importer.exceptions import ImporterError, SourceRefused
from importer.jobs import create_job
from importer.models import StagingRecord
from importer.rejects.export import export_rejects
from importer.rejects.replay import replay_rejects
from importer.rejects.report import make_report
from tests.importer.parse.sheets.books import ods, packed, read, row, table, table_row, xlsx
from tests.importer.samples.crm.models import Company, Contact, Everything

HEADER = row(1, "char", "text")


@pytest.fixture
def book(folder: Path) -> Path:
    return folder / "book.xlsx"


@pytest.fixture
def ods_book(folder: Path) -> Path:
    return folder / "book.ods"


# A whole import


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rows_per_batch", [1, 2000])
def test_a_workbook_is_imported_and_its_rejected_rows_come_back(
    book: Path, folder: Path, settings: Any, rows_per_batch: int
) -> None:
    settings.IMPORTER |= {"BATCH_SIZE_INITIAL": rows_per_batch, "BATCH_SIZE_MIN": 1}
    workbook = openpyxl.Workbook()
    sheet: Any = workbook.active
    for cells in (
        ["legacy_id", "email", "first_name", "role", "COMP_CD", "JOIN_DT", "balance"],
        [1, "a@example.com", "Ada\nMay\t\\n", "User", "C1", "02/28/2020", 10.5],
        [2, "b@example.com", None, "User", None, None, 3],
        [3, "c@example.com", "Eve", "User", None, None, "#DIV/0!"],
        [4, "nobody", "Zoë", "User", None, None, 3],
    ):
        sheet.append(cells)
    workbook.save(book)
    Company.objects.create(code="C1", name="one")
    (folder / "spool").mkdir(mode=0o700)
    job = create_job("contacts", str(book))

    result = run_import(job)

    assert (result.status, result.inserted, result.rejected) == ("completed", 2, 2)
    assert list(Contact.objects.order_by("legacy_id").values_list("first_name", "balance")) == [
        ("Ada\nMay\t\\n", 10.5), ("", 3),
    ]  # fmt: skip
    assert list(StagingRecord.objects.order_by("line").values_list("line", flat=True)) == [4, 5]
    fixed = folder / "fixed.csv"
    with fixed.open("w") as file:
        export_rejects(job, file)
    text = fixed.read_text()
    assert "4,balance: The cell has the error #DIV/0! instead of a value.,3,c@example.com,Eve" in text
    assert replay_rejects(job).inserted == 0, "nobody has written a value yet"
    fixed.write_text(text.replace(",#DIV/0!,", ",7,").replace("nobody", "d@example.com"))
    assert replay_rejects(job, str(fixed)).inserted == 2
    assert Contact.objects.get(legacy_id=3).balance == 7


@pytest.mark.django_db(transaction=True)
def test_one_spec_reads_dates_and_numbers_of_sheets_and_of_text(book: Path) -> None:
    """The spec says `formats` and `decimal` for its CSV files; a sheet has real dates and numbers."""
    import datetime as dt

    workbook = openpyxl.Workbook()
    sheet: Any = workbook.active
    sheet.append(["legacy_id", "email", "role", "COMP_CD", "JOIN_DT", "balance"])
    sheet.append([1, "a@example.com", "user", None, dt.date(2020, 2, 28), 1.5])
    sheet.append([2, "b@example.com", "user", None, "02/28/2020", "1.234,50"])
    workbook.save(book)
    job = create_job("contacts", str(book), dialect={"decimal": ",", "thousands": "."})

    result = run_import(job)

    assert (result.inserted, result.rejected) == (2, 0)
    assert [str(balance) for balance in Contact.objects.order_by("legacy_id").values_list("balance", flat=True)] == [
        "1.50", "1234.50",
    ]  # fmt: skip
    assert set(Contact.objects.values_list("joined", flat=True)) == {dt.date(2020, 2, 28)}


@pytest.mark.django_db(transaction=True)
def test_a_header_without_records_is_said_aloud(book: Path, capsys: Any) -> None:
    xlsx(book, HEADER)
    job = create_job("everything", str(book))

    call_command("run_import", job.pk, "--no-progress")

    assert "The source has no record" in "".join(capsys.readouterr())


# Which sheet


def test_the_first_visible_sheet_with_values_is_read_and_the_others_are_named(book: Path) -> None:
    data = HEADER + row(2, "a", "b")
    names = ("Secret", "Blank", "Data", "Möre")
    xlsx(book, data.replace("char", "x"), "", data, data, names=names, states={"Secret": "hidden"})

    found = read(book)

    assert (found.columns, found.values) == (["char", "text"], [["a", "b"]])
    assert found.notes == [
        'The sheet "Data" is read; the workbook also has "Secret" (hidden), "Blank", "Möre" (--sheet).'
    ]
    assert read(book, sheet="secret").columns == ["x", "text"]


def test_the_same_with_ods(ods_book: Path) -> None:
    rows = table_row("char", "text"), table_row("a", "b")
    hidden = '<style:style style:name="ta2"><style:table-properties table:display="false"/></style:style>'
    ods(
        ods_book, table("Secret", table_row("x", "y"), *rows, style="ta2"), table("Blank"), table("Data", *rows),
        table("More", *rows), styles=hidden,
    )  # fmt: skip

    found = read(ods_book)

    assert (found.columns, found.values) == (["char", "text"], [["a", "b"]])
    assert found.notes == [
        'The sheet "Data" is read; the workbook also has "Secret" (hidden), "Blank", "More" (--sheet).'
    ]
    assert read(ods_book, sheet="Secret").columns == ["x", "y"]


@pytest.mark.parametrize("kind", ["xlsx", "ods"])
def test_a_sheet_that_cannot_be_read_is_refused_with_those_there_are(folder: Path, kind: str) -> None:
    path = folder / f"book.{kind}"
    if kind == "xlsx":
        xlsx(path, "", row(1, "x"), names=("A", "B"), states={"B": "veryHidden"})
    else:
        hidden = '<style:style style:name="h"><style:table-properties table:display="false"/></style:style>'
        ods(path, table("A"), table("B", table_row("x"), style="h"), styles=hidden)

    with pytest.raises(SourceRefused, match='no value in a visible sheet; it has "A", "B" .hidden.'):
        read(path)
    with pytest.raises(SourceRefused, match='has no sheet "C"; it has "A", "B" .hidden.'):
        read(path, sheet="C")


# Header and rows


@pytest.mark.parametrize("kind", ["xlsx", "ods"])
def test_rows_keep_their_numbers(folder: Path, kind: str) -> None:
    path = folder / f"book.{kind}"
    if kind == "xlsx":
        title = row(2, "Title") + row(4, "char", "text", "<c/>")
        data = (
            row(6, "a", "1\n2")
            + '<row r="8"><c r="A8" s="0"/></row>'
            + row(11, "<c/>", "z")
            + row(12, "<c/>")
        )
        xlsx(path, title + data + row(13, "Total", "2") + '<row r="1000000"/>')
    else:
        blank, wide = "<table:table-cell/>", '<table:table-cell table:number-columns-repeated="16384"/>'
        ods(
            path,
            table(
                "A", table_row(blank), table_row("Title"), table_row(blank), table_row("char", "text", blank),
                table_row(),
                table_row("a", "1</text:p><text:p>2"), table_row(blank, more='table:number-rows-repeated="4"'),
                table_row(blank, "z"), table_row(blank), table_row("Total", "2"),
                table_row(wide, more='table:number-rows-repeated="1048563"'),
            ),
        )  # fmt: skip

    found = read(path, skip_lines=3, footer_lines=1)

    assert found.columns == ["char", "text"]
    assert found.rows == [(6, ["a", "1\n2"]), (11, ["", "z"])]
    assert found.notes == ["5 empty rows between others (the first is row 7) were passed over."]
    assert read(path, skip_lines=5, header=False, columns=["char", "text"], comment="Tot").rows == found.rows


def test_a_row_wider_than_the_header_is_rejected_unless_its_cells_are_empty(book: Path) -> None:
    xlsx(book, HEADER + row(2, "a", "b", "<c/>") + row(3, "a", "b", "<c/>", "c") + row(4, "a"))

    found = read(book)

    assert found.rows == [(2, ["a", "b"]), (4, ["a", ""])]
    assert [(r.line, r.errors[0].code) for r in found.rejections] == [(3, "too_many_fields")]


def test_names_of_the_header(book: Path) -> None:
    xlsx(book, row(1, "char", "<c/>", " text ") + row(2, "a", "b", "c"))
    assert read(book).columns == ["char", "_column2", "text"]

    xlsx(book, row(1, "char", "char") + row(2, "a", "b"))
    with pytest.raises(SourceRefused, match='column "char" more than once'):
        read(book)


def test_rows_and_cells_without_references_and_with_a_prefix(book: Path) -> None:
    sheet = (
        '<x:worksheet xmlns:x="m"><x:sheetData><x:row><x:c t="str"><x:v>char</x:v></x:c></x:row>'
        '<x:row><x:c t="str"><x:v>a</x:v></x:c></x:row></x:sheetData></x:worksheet>'
    )
    xlsx(book, "", more={"xl/worksheets/sheet1.xml": sheet})

    assert read(book).rows == [(2, ["a"])]


def test_rows_without_a_number_have_that_of_their_cells(book: Path) -> None:
    cell = '<row><c r="{}" t="str"><v>{}</v></c><c t="str"><v>x</v></c></row>'.format
    xlsx(
        book, cell("A3", "char").replace("x", "text") + cell("A5", "a") + "<row><c/></row>" + cell("A9", "b")
    )

    assert read(book).rows == [(5, ["a", "x"]), (9, ["b", "x"])]


def test_cells_may_come_in_any_order_but_not_twice(book: Path) -> None:
    a, b = ('<c r="{}2" t="str"><v>{}</v></c>'.format(*pair) for pair in (("A", "a"), ("B", "b")))
    xlsx(book, HEADER + f'<row r="2">{b}{a}</row>')
    assert read(book).values == [["a", "b"]]

    xlsx(book, HEADER + f'<row r="2">{b}{a}{b}</row>')
    with pytest.raises(SourceRefused, match="row 2 has two values in its column 2"):
        read(book)


def test_what_a_person_should_know_about_a_sheet(book: Path) -> None:
    rows = (
        HEADER
        + row(2, "a", "b").replace("<row", '<row hidden="1"')
        + row(3, "<c><v>1234567890123456</v></c>")
        + '<row r="4" hidden="1"><c r="A4" s="0"/></row><row r="5" hidden="1"/>'
    )
    sheet = (
        f'<worksheet xmlns="m"><sheetData>{rows}</sheetData><mergeCells><mergeCell ref="A1:B1"/>'
        '<mergeCell ref="A2:A3"/></mergeCells></worksheet>'
    )
    xlsx(book, sheet)

    assert read(book).notes == [
        "1 hidden row of the sheet is read as well.",
        "1 merged area below the header; only its first cell has the value.",
        "1 number has more than 15 digits, of which programs keep 15; long identifiers must be texts.",
    ]


# Options


@pytest.mark.django_db
def test_options_that_change_nothing_are_refused(book: Path, folder: Path) -> None:
    xlsx(book, HEADER)
    (folder / "a.csv").write_text("char\n")

    for options, reason in (
        ({"delimiter": ";"}, "a workbook, which has no delimiter"),
        ({"encoding": "cp1252"}, "a workbook, which has no encoding"),
        ({"dialect": {"trailing_delimiter": True}}, "a workbook, which has no trailing delimiter"),
    ):
        with pytest.raises(SourceRefused, match=reason):
            create_job("everything", str(book), **options)
    with pytest.raises(CommandError, match="has no sheets"):
        call_command("create_import", "everything", str(folder / "a.csv"), "--sheet", "A")


@pytest.mark.django_db
@pytest.mark.parametrize("ending", ["xls", "xlsb", "numbers", "fods"])
def test_other_workbooks_are_refused_with_the_way_out(folder: Path, ending: str) -> None:
    with pytest.raises(SourceRefused, match=r"save it as \.xlsx or \.ods"):
        create_job("everything", str(folder / f"book.{ending}"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 Workbook", r"Excel 97 \(\.xls\)"),
        (b"<html><table>", "is not a workbook"), (b"", "is not a workbook"),
        (b"PK\x03\x04 and nothing else", "is damaged"),
    ],
)  # fmt: skip
def test_files_that_are_no_workbooks(book: Path, data: bytes, reason: str) -> None:
    book.write_bytes(data)

    with pytest.raises(SourceRefused, match=reason):
        read(book)


def test_a_workbook_with_the_ending_of_the_other_format(folder: Path) -> None:
    xlsx(folder / "a.ods", HEADER)
    with pytest.raises(SourceRefused, match="is in the format xlsx, .* use --format xlsx"):
        read(folder / "a.ods")

    ods(folder / "b.xlsx", table("A"))
    with pytest.raises(SourceRefused, match="is in the format ods, .* use --format ods"):
        read(folder / "b.xlsx")

    sheet = xlsx(folder / "c.xlsx", HEADER, names=("A", "B"))
    with zipfile.ZipFile(sheet) as archive:
        parts = {name: archive.read(name) for name in archive.namelist() if "sheet1" not in name}
    with pytest.raises(SourceRefused, match='is damaged: it has no "xl/worksheets/sheet1.xml"'):
        read(packed(folder / "c.xlsx", dict(parts)))


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.django_db(transaction=True)
def test_a_workbook_with_the_ending_of_a_text_file(folder: Path, ending: str, several: bool) -> None:
    path, other = xlsx(folder / f"book.{ending}", HEADER), folder / f"other.{ending}"
    other.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 Workbook")

    assert "use --format xlsx" in run_import(create_job("everything", str(path))).reason
    job = (
        create_job("everything", [str(path), str(other)]) if several else create_job("everything", str(other))
    )
    assert make_report(job).files == ([str(path), str(other)] if several else [])
    assert ("use --format xlsx" if several else "Excel 97") in run_import(job).reason


@pytest.mark.django_db(transaction=True)
def test_a_workbook_that_is_not_of_the_rejects_is_refused_in_one_line(book: Path) -> None:
    job = create_job("everything", str(xlsx(book, HEADER + row(2, "too long", "b"))))
    assert run_import(job).rejected == 1

    with pytest.raises(ImporterError, match='The fixed file has no column "_line"'):
        replay_rejects(job, str(book))


@pytest.mark.django_db
def test_templates_are_read_and_locks_are_passed_over(folder: Path) -> None:
    for name in ("a.xltx", "b.ots"):
        (folder / name).touch()
        assert create_job("everything", str(folder / name)).format == ("ods" if name == "b.ots" else "xlsx")
    (folder / "~$book.xlsx").write_bytes(b"\x05me")
    xlsx(folder / "book.xlsx", HEADER)

    assert create_job("everything", str(folder / "*.xlsx")).parts == []


def test_an_encrypted_ods_and_an_xlsb_with_another_name(folder: Path) -> None:
    encrypted = '<m:manifest xmlns:m="m"><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>'
    ods(folder / "a.ods", more={"META-INF/manifest.xml": encrypted})
    with pytest.raises(SourceRefused, match="protected by a password"):
        read(folder / "a.ods")

    relations = (
        '<Relationships><Relationship Type="x/officeDocument" Target="xl/workbook.bin"/></Relationships>'
    )
    packed(folder / "b.xlsx", {"_rels/.rels": relations, "xl/workbook.bin": b"x"})
    with pytest.raises(SourceRefused, match="binary format"):
        read(folder / "b.xlsx")


@pytest.mark.django_db(transaction=True)
def test_booleans_are_imported(book: Path) -> None:
    xlsx(
        book,
        row(1, "char", "flag") + row(2, "a", '<c t="b"><v>1</v></c>') + row(3, "b", '<c t="b"><v>0</v></c>'),
    )

    assert run_import(create_job("everything", str(book))).inserted == 2
    assert list(Everything.objects.order_by("char").values_list("flag", flat=True)) == [True, False]
