"""What a cell holds comes through as the text that a person expects, in xlsx and in ods."""

import datetime as dt
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from importer import Column, ModelImport
from importer.exceptions import SourceRefused
from importer.parse.sheets.values import formatted_number, iso_duration_text, kind_of_format, number_text
from importer.specs.registry import temporarily
from tests.importer.parse.sheets.books import number, ods, read, row, table, table_row, xlsx
from tests.importer.samples.crm.models import Everything

SAMPLES = Path(__file__).parent / "samples"


def texts_of(book: Path, *cells: str, **parts: Any) -> list[str | None]:
    rows = [row(1, "char"), *(row(line, cell) for line, cell in enumerate(cells, 2))]
    found = read(xlsx(book, "".join(rows), **parts))
    return found.first_column


@pytest.fixture
def book(folder: Path) -> Path:
    return folder / "book.xlsx"


# Numbers


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("12345678901", "12345678901"), ("1.2345678901E10", "12345678901"), ("1.2345678901E+10", "12345678901"),
        ("0.1", "0.1"), ("0.33333333333333331", "0.3333333333333333"), ("1.1000000000000001", "1.1"),
        ("5", "5"), ("5.0", "5"), ("-5", "-5"), ("-0.5", "-0.5"), ("0", "0"), ("-0", "0"), ("1E-7", "0.0000001"),
        ("1.5E-5", "0.000015"), ("9007199254740993", "9007199254740993"), ("1E15", "1000000000000000"),
        ("9.00719925474099E+015", "9007199254740990"), ("1.2345678901234567E+19", "12345678901234567000"),
        ("1E300", "1e+300"), ("2.5E-300", "2.5e-300"), ("nan", "nan"), ("1E999", "1E999"), ("1_0", "1_0"),
        ("x", "x"),
        ("0.30000000000000004", "0.30000000000000004"), ("1e5", "100000"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_people_write_them(stored: str, text: str) -> None:
    assert number_text(stored) == text


@hypothesis_settings(max_examples=300, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_comes_back_as_the_same_number(value: float) -> None:
    assert float(number_text(repr(value))) == value


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("yyyy-mm-dd", "date"), ("d.m.yy h:mm", "date"), ("mmm yy", "date"), ("[$-409]d\\-mmm;@", "date"),
        ("mm", "date"),
        ('yyyy"年"m"月"', "date"), ("h:mm", "time"), ("mm:ss.0", "time"), ("hh:mm AM/PM", "time"),
        ("[h]:mm", "duration"),
        ("[mm]:ss", "duration"), ("[ss]", "duration"), ("[HH]:MM", "duration"), ("General", ""), ("0.00", ""),
        ("0%", ""),
        ("#,##0.00\\ [$€-407];[Red]-#,##0.00\\ [$€-407]", ""), ('0" days"', ""), ("0.00E+00", ""),
        ('"day "0', ""), ("@", ""),
        ("_-* #,##0_d", ""), ("00000", "zeros5"), ("0", ""), ('#" h"', ""), ("[Red]0", ""),
        ("[Magenta]yyyy", "date"),
    ],
)  # fmt: skip
def test_formats_tell_dates_from_numbers(code: str, kind: str) -> None:
    assert kind_of_format(code) == kind


@pytest.mark.parametrize(
    ("stored", "kind", "text"),
    [
        ("45351", "date", "2024-02-29"), ("45351.57293981482", "date", "2024-02-29 13:45:02"),
        ("45351.999999999", "date", "2024-03-01"), ("45351.5000057870", "date", "2024-02-29 12:00:00.5"),
        ("1", "date", "1900-01-01"), ("59", "date", "1900-02-28"), ("60", "date", "1900-02-29"),
        ("61", "date", "1900-03-01"), ("0", "date", "1900-01-00"), ("0.5", "date", "1900-01-00 12:00:00"),
        ("2958465", "date", "9999-12-31"), ("2958466", "date", "2958466"), ("-1", "date", "-1"), ("x", "date", "x"),
        ("0.5", "time", "12:00:00"), ("0", "time", "00:00:00"), ("45351.5", "time", "2024-02-29 12:00:00"),
        ("1.25", "duration", "30:00:00"), ("-0.5", "duration", "-12:00:00"),
        ("0.0000173611", "duration", "00:00:01.5"),
        ("1234", "zeros5", "01234"), ("-1234", "zeros5", "-1234"), ("1.5", "zeros5", "1.5"),
        ("1E400", "date", "1E400"),
    ],
)  # fmt: skip
def test_dates_are_kept_as_serial_numbers(stored: str, kind: str, text: str) -> None:
    assert formatted_number(stored, kind, since_1904=False) == text


def test_workbooks_of_old_macs_count_from_1904(book: Path) -> None:
    assert texts_of(
        book, number("0", 1), number("43889.5", 1), formats=("yyyy",), workbook='<workbookPr date1904="1"/>'
    ) == ["1904-01-01", "2024-02-29 12:00:00"]


def test_built_in_formats_and_iso_dates(book: Path) -> None:
    cells = [number("45351", 1), number("45351.5", 1), '<c t="d"><v>2024-02-29T00:00:00</v></c>', number("45351", 99),
             '<c t="d"><v>2024-02-29T13:00:00Z</v></c>', number("45351", 2)]  # fmt: skip
    formats = '<xf numFmtId="0"/><xf numFmtId="22"/><xf numFmtId="4"/>'
    styles = f'<styleSheet xmlns="m"><cellXfs>{formats}</cellXfs></styleSheet>'

    assert texts_of(book, *cells, more={"xl/styles.xml": styles}) == [
        "2024-02-29", "2024-02-29 12:00:00", "2024-02-29", "45351", "2024-02-29T13:00:00Z", "45351",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stored", "text"),
    [("PT13H05M00S", "13:05:00"), ("PT30H05M00S", "30:05:00"), ("-PT1H", "-01:00:00"), ("P1DT1H", "25:00:00"),
     ("PT00H00M01.500000000S", "00:00:01.5"), ("P", "00:00:00"), ("soon", "soon")],
)  # fmt: skip
def test_times_of_ods(stored: str, text: str) -> None:
    assert iso_duration_text(stored) == text


# Texts


def test_texts_stay_as_they_are(book: Path) -> None:
    strings = (
        "<si><t>00123</t></si><si><r><rPr><b/></rPr><t>bold</t></r><r><t xml:space='preserve'> not</t></r>"
        "<rPh><t>か</t></rPh></si><si><t>a_x000D_\nb_x005F_x0041__xD83D__xFFFF_</t></si><si/>"
        "<si><t>&lt;&amp;\t\\N</t></si>"
    )
    cells = [f'<c t="s"><v>{index}</v></c>' for index in (0, 1, 2, 4)]
    formula = '<c t="str"><f>"00123"</f><v>00123</v></c>'
    inline = '<c t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r><rPh><t>x</t></rPh></is></c>'

    assert texts_of(book, *cells, formula, inline, '<c t="str"><v>  x </v></c>', strings=strings) == [
        "00123", "bold not", "a\r\nb_x0041__xD83D__xFFFF_", "<&\t\\N", "00123", "inline", "  x ",
    ]  # fmt: skip


def test_an_empty_text_is_no_value_and_a_missing_one_is_damage(book: Path) -> None:
    rows = (
        row(1, "char", "text")
        + row(2, '<c t="s"><v>0</v></c>', "x")
        + row(3, '<c t="str"><f>""</f><v></v></c>', "y")
    )
    assert read(xlsx(book, rows, strings="<si><t/></si>")).values == [["", "x"], ["", "y"]]

    for missing in ("7", "-1", "-2"):
        with pytest.raises(SourceRefused, match=f'row 2 has the text "{missing}", which is not there'):
            texts_of(book, f'<c t="s"><v>{missing}</v></c>', strings="<si><t>a</t></si><si><t>b</t></si>")


# No value


def test_errors_and_formulas_without_a_value_are_rejected(book: Path) -> None:
    cells = ['<c t="e"><f>1/0</f><v>#DIV/0!</v></c>', "<c><f>SUM(A1)</f></c>", "<c><f>SUM(A1)</f><v></v></c>", "fine",
             '<c t="e"><v>#N/A</v></c>']  # fmt: skip
    rows = [row(line, cell, "x") for line, cell in enumerate(cells, 2)]

    found = read(xlsx(book, row(1, "char", "text") + "".join(rows)))

    assert found.rows == [(5, ["fine", "x"])]
    assert [(r.line, r.errors[0].field, r.errors[0].code, r.errors[0].value) for r in found.rejections] == [
        (2, "char", "error_value", "#DIV/0!"), (3, "char", "no_value", "=SUM(A1)"),
        (4, "char", "no_value", "=SUM(A1)"),
        (6, "char", "error_value", "#N/A"),
    ]  # fmt: skip
    assert found.rejections[0].raw == {"char": "#DIV/0!", "text": "x", "_raw": "#DIV/0!\tx"}


def test_a_shared_formula_without_a_value_is_not_quoted(book: Path) -> None:
    rows = row(1, "char") + row(2, '<c><f t="shared" si="0"/></c>')

    assert read(xlsx(book, rows)).rejections[0].errors[0].message == (
        "The formula has no stored value; open the workbook in a spreadsheet program and save it."
    )


def test_an_error_may_be_a_null_value_or_in_a_column_that_nothing_takes(book: Path) -> None:
    class Nulls(ModelImport):
        class Meta:
            model = Everything
            name = "nulls"
            null_values = ("", "#N/A")

        text = Column(null_values="#REF!")

    error = '<c t="e"><v>{}</v></c>'.format
    rows = (
        row(1, "char", "text", "remark")
        + row(2, "a", error("#REF!"), error("#DIV/0!"))
        + row(3, error("#N/A"), "x")
    )
    with temporarily(Nulls):
        found = read(xlsx(book, rows + row(4, "b", error("#N/A"))), spec="nulls")

    assert found.rows == [(2, ["a", "#REF!", "#DIV/0!"]), (3, ["#N/A", "x", ""])]
    assert [(r.line, r.errors[0].field) for r in found.rejections] == [(4, "text")]


def test_a_note_says_that_nobody_has_calculated(book: Path) -> None:
    rows = row(1, "char") + row(2, "<c><f>1+1</f><v>0</v></c>")
    xlsx(book, rows, workbook='<calcPr fullCalcOnLoad="1"/>')

    assert "left its formulas to be calculated" in read(book).notes[0]


def test_a_row_that_is_too_long_is_rejected(book: Path, settings: Any) -> None:
    settings.IMPORTER |= {"MAX_RECORD_BYTES": 1000}
    shared = '<c t="s"><v>0</v></c>'
    rows = row(1, "char", "text") + row(2, "a", "b") + row(3, *[shared] * 3) + row(4, "c", "d")

    found = read(xlsx(book, rows, strings=f"<si><t>{'x' * 400}</t></si>"))

    assert [line for line, _ in found.rows] == [2, 4]
    assert [(r.line, r.errors[0].code) for r in found.rejections] == [(3, "record_too_long")]


# OpenDocument


def test_cells_of_ods(folder: Path) -> None:
    def cell(kind: str, more: str, *paragraphs: str) -> str:
        shown = "".join(f"<text:p>{paragraph}</text:p>" for paragraph in paragraphs)
        return f'<table:table-cell office:value-type="{kind}" {more}>{shown}</table:table-cell>'

    note = "<office:annotation><text:p>note</text:p></office:annotation>"
    cells = {
        cell("float", 'office:value="12345678901"', "1.23E10"): "12345678901",
        cell("float", 'office:value="1234"', "01234"): "01234",
        cell("percentage", 'office:value="0.5"', "50 %"): "0.5",
        cell("currency", 'office:value="1.5"', "1,50 €"): "1.5",
        cell("date", 'office:date-value="2024-02-29T00:00:00"', "29.2.24"): "2024-02-29",
        cell("date", 'office:date-value="2024-02-29T13:45:01.500000000"', "29.2.24"): "2024-02-29 13:45:01.5",
        cell("time", 'office:time-value="PT13H05M00S"', "13:05"): "13:05:00",
        cell("boolean", 'office:boolean-value="true"', "WAHR"): "True",
        cell("float", 'office:value="0" table:formula="of:=FALSE()"', "FALSCH"): "False",
        cell("string", 'office:string-value="00123"'): "00123",
        cell("string", "", "one", "two<text:line-break/>three"): "one\ntwo\nthree",
        cell("string", "", 'a<text:s text:c="2"/>b<text:tab/><text:span>c<text:a>d</text:a></text:span>e'): "a  b\tcde",
        cell("string", "", "x").replace("<text:p>", f"{note}<text:p>"): "x",
        cell("string", "", "x").replace("</text:p>", "</text:p><draw:frame><text:p>y</text:p></draw:frame>"): "x",
    }  # fmt: skip
    path = ods(folder / "book.ods", table("A", table_row("char"), *map(table_row, cells)))

    assert read(path).first_column == list(cells.values())


def test_errors_repeats_and_merged_cells_of_ods(folder: Path) -> None:
    error = (
        '<table:table-cell table:formula="of:=NA()" office:value-type="string" office:string-value="" '
        'calcext:value-type="error"><text:p>#N/A</text:p></table:table-cell>'
    )
    twice, merged = (
        f'<table:table-cell table:number-{how}="2"><text:p>{text}</text:p></table:table-cell>'
        for how, text in (("columns-repeated", "x"), ("rows-spanned", "m"))
    )
    covered = "<table:covered-table-cell><text:p>hidden</text:p></table:covered-table-cell>"
    lost = '<table:table-cell table:formula="of:=1+1"/>'
    rows = [
        table_row("char", "text"), table_row(error, "a"), table_row(twice, more='table:number-rows-repeated="2"'),
        table_row(merged, "b"), table_row(covered, "c"), table_row(lost, "d"),
    ]  # fmt: skip

    found = read(ods(folder / "book.ods", table("A", *rows)))

    assert found.rows == [(3, ["x", "x"]), (4, ["x", "x"]), (5, ["m", "b"]), (6, ["", "c"])]
    assert [(r.line, r.errors[0].code) for r in found.rejections] == [(2, "error_value"), (7, "no_value")]
    assert found.notes == ["1 merged area below the header; only its first cell has the value."]


@pytest.mark.parametrize("error", ["#DIV/0!", "#N/A", "#NAME?", "Err:502"])
def test_errors_that_openoffice_and_excel_do_not_mark(folder: Path, error: str) -> None:
    """OpenOffice stores 0 beside the error, and Excel a text."""

    def cell(more: str, shown: str = error) -> str:
        return f"<table:table-cell {more}><text:p>{shown}</text:p></table:table-cell>"

    formula, typed = 'table:formula="of:=1/0"', 'calcext:value-type="string"'
    cells = [
        cell(f'{formula} office:value-type="float" office:value="0"'), cell(formula),
        cell(f'{formula} office:value-type="string" office:string-value="{error}"'),
        cell('office:value-type="string"'), cell(f'{formula} {typed} office:value-type="string"'),
    ]  # fmt: skip

    found = read(ods(folder / "book.ods", table("A", table_row("char"), *map(table_row, cells))))

    assert [(r.line, r.errors[0].value) for r in found.rejections] == [(2, error), (3, error), (4, error)]
    assert found.first_column == [error, error], "texts that people or formulas have written"


@pytest.mark.parametrize("kind", ["float", "percentage", "date", "time", "boolean"])
def test_a_cell_of_ods_without_its_value_has_the_text_it_shows(folder: Path, kind: str) -> None:
    cell = f'<table:table-cell office:value-type="{kind}"><text:p>1,5 h</text:p></table:table-cell>'
    path = ods(folder / "book.ods", table("A", table_row("char"), table_row(cell)))

    assert [text and text.lower() for text in read(path).first_column] == ["1,5 h"]


# Workbooks of programs


def test_workbooks_of_openpyxl_and_xlsxwriter(folder: Path) -> None:
    values = [
        dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 13, 45, 1), dt.time(13, 5), dt.timedelta(hours=30), True, 0.1,
        12345678901, "00123", " x\ny ", "a=b", 1 / 3, -5,
    ]  # fmt: skip
    expected = [
        "2024-02-29", "2024-02-29 13:45:01", "13:05:00", "30:00:00", "True", "0.1", "12345678901", "00123",
        " x\ny ", "a=b",
        "0.3333333333333333", "-5",
    ]  # fmt: skip
    workbook = openpyxl.Workbook()
    sheet: Any = workbook.active
    for value in ["char", *values]:
        sheet.append([value])
    workbook.save(folder / "a.xlsx")
    with xlsxwriter.Workbook(folder / "b.xlsx", {"default_date_format": "yyyy-mm-dd hh:mm:ss"}) as written:
        page, hours = written.add_worksheet(), written.add_format({"num_format": "[h]:mm"})
        time = written.add_format({"num_format": "h:mm"})
        for line, value in enumerate(["char", *values]):
            style = {dt.timedelta: hours, dt.time: time}.get(type(value))
            page.write(line, 0, value, style) if style else page.write(line, 0, value)

    assert read(folder / "a.xlsx").first_column == expected
    assert read(folder / "b.xlsx").first_column == expected


@pytest.mark.parametrize("kind", ["xlsx", "ods"])
def test_workbooks_of_libreoffice(folder: Path, kind: str) -> None:
    path = folder / f"customers.{kind}"
    path.write_bytes((SAMPLES / path.name).read_bytes())

    found = read(path, spec="companies", skip_lines=2, footer_lines=1)

    assert found.columns == [
        "code",
        "name",
        "joined",
        "called",
        "worked",
        "balance",
        "share",
        "active",
        "zip",
        "sum",
    ]
    assert found.rows == [
        (
            4,
            [
                "00123",
                "Müller; Söhne",
                "2024-02-29",
                "13:05:00",
                "30:00:00",
                "1234.5",
                "0.5",
                "True",
                "01067",
                "2469",
            ],
        ),
        (
            5,
            [
                "00124",
                'say "hi"',
                "1999-12-31 23:59:59",
                "",
                "",
                "12345678901",
                "0.125",
                "False",
                "80331",
                "#DIV/0!",
            ],
        ),
        (6, ["125", "two\nlines", "", "", "", "-0.1", "", "", "", "#N/A"]),
        (8, ["126", "Zoë's", "1900-03-01", "00:00:01", "00:01:00", "0.0000001", "1", "True", "00001", "126"]),
    ]
    assert found.notes == [
        'The sheet "Customers" is read; the workbook also has "Empty", "Old" (hidden) (--sheet).',
        "1 empty row between others (row 7) was passed over.",
    ]


@pytest.mark.parametrize(
    ("name", "options", "balance"),
    [
        ("german.csv", {"delimiter": ";", "encoding": "cp1252"}, "1.234,50"),
        ("quoted.csv", {"delimiter": ","}, "1,234.50"),
        ("utf16.csv", {"delimiter": "\t"}, "1.234,50"),
        ("single.csv", {"delimiter": "|", "quote": "'"}, "1,234.50"),
    ],
)
def test_csv_files_of_libreoffice(folder: Path, name: str, options: dict[str, Any], balance: str) -> None:
    path = folder / name
    path.write_bytes((SAMPLES / name).read_bytes())

    found = read(path, spec="companies", skip_lines=2, footer_lines=1, **options)

    assert found.columns[:3] == ["code", "name", "joined"]
    assert [(line, values[:2]) for line, values in found.rows] == [
        (4, ["00123", "Müller; Söhne"]), (5, ["00124", 'say "hi"']), (6, ["125", "two\nlines"]), (8, ["", ""]),
        (9, ["126", "Zoë's"]),
    ]  # fmt: skip
    assert found.values[0][5] == balance
    assert not found.rejections
